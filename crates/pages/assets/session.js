// Tells when the session is about to end, and lets one press keep it. The server is asked first, for other windows keep the
// session, too. At its end what is shown is taken away.
const bar = document.getElementById("session");
const said = document.getElementById("session-said");
const lead = Number(bar.dataset.lead);
let end = Date.now() + 1000 * Number(bar.dataset.left);
let timer = 0;
bar.hidden = true;
bar.classList.add("told");

const seconds = () => (end - Date.now()) / 1000;

function later(wait) {
  clearTimeout(timer);
  timer = setTimeout(look, 1000 * Math.max(wait, 0.5));
}

function over() {
  clearTimeout(timer);
  removeEventListener("keydown", pressed);
  bar.remove();
  const main = document.getElementById("main");
  main.replaceChildren(document.getElementById("session-over").content.cloneNode(true));
  document.querySelectorAll(".bar nav, .bar-end").forEach(one => one.remove());
  document.title = "Signed out – Overread";
  main.querySelector("h1").focus();
}

async function ask(method) {
  const answer = await fetch("/session", { method, headers: { Accept: "application/json" } });
  const { left, longer } = await answer.json();
  end = Date.now() + 1000 * left;
  return longer;
}

async function look() {
  try {
    // Files that are on their way are somebody at work.
    const longer = await ask(document.documentElement.dataset.sending ? "POST" : "GET");
    if (seconds() <= 0) return over();
    if (seconds() > lead) {
      bar.hidden = true;
      return later(seconds() - lead);
    }
    document.getElementById("session-idle").hidden = !longer;
    document.getElementById("session-whole").hidden = longer;
    bar.querySelector("button").hidden = !longer;
    bar.hidden = false;
  } catch {
    if (seconds() <= 0) return over();
  }
  later(Math.min(seconds(), 10));
}

async function pressed(event) {
  const button = event.type === "submit";
  if (button) event.preventDefault();
  if (bar.hidden || (!button && bar.querySelector("button").hidden)) return;
  try {
    await ask("POST");
    if (seconds() > lead) {
      bar.hidden = true;
      said.textContent = "You stay signed in.";
    }
  } catch {
    said.textContent = "The server does not answer. Press again in some seconds.";
  }
  later(seconds() - lead);
}

bar.addEventListener("submit", pressed);
addEventListener("keydown", pressed);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
later(seconds() - lead);
