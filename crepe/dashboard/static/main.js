// The page: its views and tabs, and what is drawn when a frame arrives.

import { remakeCharts } from "./chart.js";
import { drawHeader } from "./header.js";
import { byId, connect, element, onFrame, page, request } from "./state.js";
import { drawTimebar } from "./timebar.js";
import { VIEWS } from "./views/registry.js";

let shown = null; // the view whose tab is chosen
let session = null;
let requested = new Set(); // names of all states that were ever requested

// Tabs

for (const view of VIEWS) {
  const section = element("section");
  section.id = view.name;
  section.hidden = true;
  section.innerHTML = view.html;
  document.querySelector("main").append(section);
  const button = element("button", view.title);
  button.dataset.tab = view.name;
  button.onclick = () => show(view);
  document.querySelector("nav .space").before(button);
  view.start?.();
}

// Request the state that the view draws, and switch all other off.
function requestState() {
  const names = new Set(shown.shows);
  requested = new Set([...requested, ...names]);
  request(Object.fromEntries([...requested].map((name) => [`shows_${name}`, names.has(name)])));
}

function show(view) {
  shown = view;
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view.name;
  for (const button of document.querySelectorAll("[data-tab]")) button.classList.toggle("on", button.dataset.tab === view.name);
  requestState();
  history.replaceState(null, "", `#${view.name}`);
  view.open?.();
  draw();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) return;
  shown.key?.(event);
});

byId("theme").onclick = () => theme(document.documentElement.dataset.theme === "light" ? "dark" : "light");
function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.crepeTheme = name;
  remakeCharts();
  if (shown) draw();
}

// Frames

function begin() {
  session = page.about.session;
  byId("title").textContent = page.about.title;
  document.title = [page.about.title, "CREPE"].filter(Boolean).join(" · ");
  byId("simulated").hidden = !page.about.is_simulated;
  VIEWS.forEach((view) => view.begin?.());
  requestState(); // a session's game decides what its view needs
}

function draw() {
  drawHeader();
  if (!page.about || document.hidden) return;
  drawTimebar();
  shown.draw?.();
}

onFrame((head) => {
  if (head.about || page.about?.session !== session) begin();
  draw();
});
// Draws without frames, too: the header must show that the data is stale.
setInterval(() => { if (performance.now() - page.receivedAt > 1000) draw(); }, 500);

theme(localStorage.crepeTheme || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"));
const first = matchMedia("(max-width: 820px)").matches ? "play" : "live";
show(VIEWS.find(({ name }) => name === location.hash.slice(1)) ?? VIEWS.find(({ name }) => name === first));
connect();
