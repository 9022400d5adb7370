// Keys for people who would rather not reach for the mouse: / searches, g and a letter goes to a page, ? lists them. They
// do nothing inside a field, and nothing that the page has no visible control for.
const list = document.getElementById("keys");
const opener = document.getElementById("keys-open");
const PAUSE = 1500;
let going = 0;

opener.hidden = false;
opener.addEventListener("click", () => list.showModal());

function search() {
  const field = document.querySelector("form[role=search] input");
  if (field) field.focus();
  else location.assign("/studies");
}

addEventListener("keydown", event => {
  const writing = event.target.closest?.("input, textarea, select");
  if (writing || list.open || event.ctrlKey || event.altKey || event.metaKey) return;
  const begun = going && event.timeStamp - going < PAUSE;
  going = 0;
  const place = begun && document.querySelector(`.bar [data-key="${CSS.escape(event.key)}"]`);
  if (place) place.click();
  else if (event.key === "g") going = event.timeStamp;
  else if (event.key === "/") search();
  else if (event.key === "?") list.showModal();
  else return;
  event.preventDefault();
});
