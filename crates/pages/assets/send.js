// Shows how far the sending is. Without it the form does the same, quietly.
"use strict";
const form = document.getElementById("send");
const bar = document.getElementById("progress");
const said = document.getElementById("said");
form.addEventListener("submit", event => {
  const data = new FormData(form);
  if (![...data.getAll("files")].some(file => file.size > 0)) return;
  event.preventDefault();
  const request = new XMLHttpRequest();
  const button = form.querySelector("button");
  button.disabled = true;
  document.documentElement.dataset.sending = "1";
  bar.hidden = false;
  let told = -1;
  request.upload.addEventListener("progress", progress => {
    if (!progress.lengthComputable) return;
    const percent = Math.floor(100 * progress.loaded / progress.total);
    bar.value = percent;
    if (Math.floor(percent / 10) > told) {
      told = Math.floor(percent / 10);
      said.textContent = percent < 100 ? `${percent} % sent` : "All sent. We look at each file now.";
    }
  });
  request.addEventListener("loadend", () => delete document.documentElement.dataset.sending);
  request.addEventListener("load", () => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    document.title = page.title;
    document.querySelector("main").replaceWith(page.querySelector("main"));
    const heading = document.querySelector("h1");
    heading.tabIndex = -1;
    heading.focus();
    scrollTo(0, 0);
  });
  request.addEventListener("error", () => {
    button.disabled = false;
    bar.hidden = true;
    said.textContent = "The connection was lost. Nothing that arrived is lost: send it again, we keep one copy.";
  });
  request.open("POST", form.action);
  request.send(data);
});
