// The page: what is on it, and what its buttons do.

import { channelAt, drawArray } from "./array.js";
import { drawGame, drawGlance, key, moveCourt } from "./game.js";
import { drawHealth, drawSessions } from "./health.js";
import { drawTraces, followResponse, rasterChart, rasterView, rateChart, remakeCharts, responseChart, tracesView } from "./plots.js";
import { ask, byId, connect, element, onFrame, page, post, say, seconds } from "./state.js";

let selected = [];
let session = null;

// Tabs

function show(tab) {
  page.tab = tab;
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== tab;
  for (const button of document.querySelectorAll("[data-tab]")) button.classList.toggle("on", button.dataset.tab === tab);
  ask({ shows_array: tab === "live", shows_traces: tab === "live", shows_raster: tab === "live" || tab === "play" });
  history.replaceState(null, "", `#${tab}`);
  if (tab === "sessions") drawSessions();
  draw();
}
document.querySelectorAll("[data-tab]").forEach((button) => { button.onclick = () => show(button.dataset.tab); });

// What is looked at

function choose(channels) {
  selected = channels;
  ask({ channels });
}

function first(n) {
  const { labels, is_recording: records } = page.about;
  const found = labels.map((_, c) => c).filter((c) => records[c]);
  return found.filter((_, i) => i % Math.ceil(found.length / n) === 0 || found.length <= n).slice(0, n);
}

byId("which").onchange = ({ target }) => { if (target.value !== "chosen") choose(first(Number(target.value))); };
byId("stream").onchange = ({ target }) => ask({ stream: target.value });
byId("traces-s").onchange = ({ target }) => { tracesView.windowS = Number(target.value); ask({ traces_s: tracesView.windowS }); };
byId("raster-s").onchange = ({ target }) => { rasterView.windowS = Number(target.value); ask({ raster_s: rasterView.windowS }); };
byId("array").onclick = (event) => {
  const channel = channelAt(event);
  if (channel < 0) return;
  choose(selected.includes(channel) ? selected.filter((c) => c !== channel) : [...selected, channel].slice(-64));
  byId("which").querySelector("[value=chosen]").hidden = false;
  byId("which").value = "chosen";
};

function begin() {
  session = page.about.session;
  byId("title").textContent = page.about.title;
  byId("simulated").hidden = !page.about.is_simulated;
  const options = page.about.segment_streams.map((name) => {
    const made = element("option", name);
    made.selected = name === page.about.default_traces;
    return made;
  });
  byId("stream").replaceChildren(...options);
  byId("condition").replaceChildren(element("option", "condition …"), ...page.about.conditions.map((name) => element("option", name)));
  byId("condition").hidden = !page.about.conditions.length;
  byId("of-game").hidden = !page.about.has_game;
  if (page.about.labels.length && !selected.length) choose(first(8));
}

// What is done

function alarm(text, isDone = false) {
  const box = byId("alarm");
  box.hidden = !text;
  box.textContent = text;
  box.classList.toggle("done", isDone);
}

byId("stop").onclick = async () => {
  alarm("stopping …");
  const answer = await post("/api/stop");
  if (answer.reason) alarm(`NOT STOPPED from here: ${answer.reason}`);
  else if (answer.is_verified) alarm(`Stopped. ${answer.lines.at(-1)}`, true);
  else alarm(["The stop is NOT VERIFIED.", ...answer.lines].join("\n"));
};
byId("alarm").onclick = () => alarm("");

byId("arm").onclick = () => {
  byId("arm-instrument").textContent = page.more.control?.instrument || "no instrument";
  byId("arm-dialog").returnValue = "";
  byId("arm-dialog").show(); // not modal: STOP works beside it
};
byId("arm-dialog").onclose = async ({ target }) => {
  if (target.returnValue !== "arm") return;
  const answer = await post("/api/arm", { minutes: Number(byId("arm-minutes").value) });
  alarm(answer.reason ? `Not armed: ${answer.reason}` : "");
};

async function tell(name, value = "") {
  const answer = await post("/api/say", { name, value });
  if (answer.reason) alarm(`Not done: ${answer.reason}`);
  return !answer.reason;
}
document.querySelectorAll("[data-say]").forEach((button) => { button.onclick = () => tell(button.dataset.say); });
byId("condition").onchange = async ({ target }) => {
  if (target.selectedIndex) await tell("condition", target.value);
  target.selectedIndex = 0;
};
byId("note").onsubmit = async (event) => {
  event.preventDefault();
  const input = byId("note-text");
  if (input.value.trim() && await tell("note", input.value.trim())) input.value = "";
};
document.addEventListener("keydown", (event) => { if (page.tab === "play") key(event); });

byId("theme").onclick = () => theme(document.documentElement.dataset.theme === "light" ? "dark" : "light");
function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.crepeTheme = name;
  remakeCharts();
  draw();
}

// Replay

let isHeld = false;
byId("replay-at").oninput = () => { isHeld = true; };
byId("replay-at").onchange = ({ target }) => { say({ seek_s: Number(target.value) }); isHeld = false; };
byId("replay-play").onclick = () => say({ is_playing: !page.more.replay?.is_playing });
byId("replay-speed").onchange = ({ target }) => say({ speed: Number(target.value) });

function drawReplay() {
  const found = page.more.replay;
  byId("timebar").hidden = !found;
  if (!found) return;
  const bar = byId("replay-at");
  bar.max = found.length_s;
  if (!isHeld) bar.value = found.at_s;
  byId("replay-play").textContent = found.is_playing ? "Pause" : "Play";
  byId("replay-text").textContent = `${found.at_s.toFixed(1)} of ${found.length_s.toFixed(1)} s`;
  const speeds = byId("replay-speed");
  if (!speeds.options.length) speeds.replaceChildren(...found.speeds.map((speed) => { const made = element("option", `${speed} x`); made.value = speed; return made; }));
  if (document.activeElement !== speeds) speeds.value = found.speed;
}

// What is always there

function pill(id, text, kind) {
  const box = byId(id);
  box.textContent = text;
  box.className = `pill ${kind}`;
  box.hidden = !text;
}

function drawHead() {
  const silentS = (performance.now() - page.heardAt) / 1000;
  const ageS = Math.max(page.more.age_s ?? 0, silentS > 1.5 ? silentS : 0);
  const phase = page.events?.game?.phase;
  document.body.classList.toggle("away", !page.connected);
  if (page.replay && page.more.problem) pill("connection", page.more.problem, "bad");
  else if (!page.connected) pill("connection", `no connection for ${Math.round(silentS)} s`, "bad");
  else if (page.replay) pill("connection", "replay", "warm");
  else if (page.more.problem) pill("connection", `Redis does not answer; stale for ${Math.round(ageS)} s`, "bad");
  else if (!page.about?.labels.length) pill("connection", "waiting for data", "warm");
  else if (ageS > 1) pill("connection", `stale for ${Math.round(ageS)} s`, phase === "over" ? "warm" : "bad");
  else pill("connection", "live", "good");
  byId("clock").textContent = page.about ? `${seconds(page.now).toFixed(1)} s` : "";
  const control = page.more.control;
  if (!control || page.replay) pill("armed", "", "");
  else if (!page.connected) pill("armed", "armed or not: not known", "warm");
  else if (!control.can_stimulate) pill("armed", "cannot stimulate", "");
  else if (control.is_stopped) pill("armed", "STOPPED", "bad");
  else if (control.refusal) pill("armed", "not armed", "warm");
  else pill("armed", control.is_simulator ? "simulator: armed" : `ARMED for ${Math.ceil(control.armed_s / 60)} min`, "good");
  byId("armed").title = control?.refusal ?? "";
  const isSpectator = page.more.role === "spectator";
  document.body.classList.toggle("spectator", isSpectator || !!page.replay);
  byId("stop").hidden = isSpectator;
  byId("operate").hidden = !isSpectator || !page.more.may_operate;
  byId("arm").hidden = !control?.can_stimulate || !!page.replay;
}

function drawSaid() {
  const said = (page.events?.said ?? []).slice(-6).reverse();
  byId("said").replaceChildren(...said.map(({ at, name, value, sender }) => {
    const who = ["page", ""].includes(sender) || String(value).includes(sender) ? "" : ` (${sender})`;
    return element("li", `${seconds(at).toFixed(1)} s ${name} ${value || (name === "player" ? "nobody" : "")}${who}`);
  }));
}

// What of the experiment's buttons is in force.
function drawExperiment() {
  const game = page.events?.game;
  const told = page.events?.said.findLast((one) => ["pause", "start"].includes(one.name))?.name;
  const isPaused = game?.phase === "paused" || (told === "pause" && game?.phase !== "over");
  document.querySelector("[data-say=start]").disabled = !isPaused;
  document.querySelector("[data-say=pause]").disabled = isPaused || game?.phase === "over";
}

function draw() {
  drawHead();
  if (!page.about || document.hidden) return;
  drawReplay();
  if (page.tab === "live") {
    drawArray(selected);
    drawTraces();
    rasterChart.draw();
    rateChart.draw();
    drawGlance();
    drawSaid();
    drawExperiment();
  } else if (page.tab === "play") {
    followResponse();
    drawGame();
    responseChart.draw();
    byId("response-hint").textContent = `spikes of all channels in bins of 20 ms; orange: stimulus${page.about.has_court ? "" : ", blue: the time in which an answer counts"}`;
  } else if (page.tab === "health") drawHealth();
}

onFrame((head) => {
  if (head.about || page.about?.session !== session) begin();
  moveCourt();
  draw();
});
setInterval(() => { if (performance.now() - page.heardAt > 1000) draw(); }, 500);

theme(localStorage.crepeTheme || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"));
show(["live", "play", "health", "sessions"].includes(location.hash.slice(1)) ? location.hash.slice(1) : matchMedia("(max-width: 820px)").matches ? "play" : "live");
connect();
