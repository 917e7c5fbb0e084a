// The tab Live: array, traces, raster and population rate, the game at a glance, and the experiment.

import { alarm } from "../alarm.js";
import { byId, element, page, post, request, seconds } from "../state.js";
import { channelAt, drawArray } from "./array.js";
import { gameText, scores } from "./games.js";
import { rasterChart, rasterView, rateChart } from "./raster.js";
import { drawTraces, tracesView } from "./traces.js";

let selected = []; // channels whose traces are shown

function choose(channels) {
  selected = channels;
  request({ channels });
}

// Returns n of the channels that record, spread over the array.
function spread(n) {
  const { labels, is_recording: records } = page.about;
  const channels = labels.map((_, c) => c).filter((c) => records[c]);
  return channels.filter((_, i) => i % Math.ceil(channels.length / n) === 0 || channels.length <= n).slice(0, n);
}

async function command(name, value = "") {
  const answer = await post("/api/say", { name, value });
  if (answer.reason) alarm(`Not done: ${answer.reason}`);
  return !answer.reason;
}

function start() {
  byId("which").onchange = ({ target }) => { if (target.value !== "chosen") choose(spread(Number(target.value))); };
  byId("stream").onchange = ({ target }) => request({ stream: target.value });
  byId("traces-s").onchange = ({ target }) => { tracesView.windowS = Number(target.value); request({ traces_s: tracesView.windowS }); };
  byId("raster-s").onchange = ({ target }) => { rasterView.windowS = Number(target.value); request({ raster_s: rasterView.windowS }); };
  byId("array").onclick = (event) => {
    const channel = channelAt(event);
    if (channel < 0) return;
    choose(selected.includes(channel) ? selected.filter((c) => c !== channel) : [...selected, channel].slice(-64));
    byId("which").querySelector("[value=chosen]").hidden = false;
    byId("which").value = "chosen";
  };
  document.querySelectorAll("[data-say]").forEach((button) => { button.onclick = () => command(button.dataset.say); });
  byId("condition").onchange = async ({ target }) => {
    if (target.selectedIndex) await command("condition", target.value);
    target.selectedIndex = 0;
  };
  byId("note").onsubmit = async (event) => {
    event.preventDefault();
    const input = byId("note-text");
    if (input.value.trim() && await command("note", input.value.trim())) input.value = "";
  };
}

function begin() {
  const options = page.about.segment_streams.map((name) => {
    const option = element("option", name);
    option.selected = name === page.about.default_traces;
    return option;
  });
  byId("stream").replaceChildren(...options);
  byId("condition").replaceChildren(element("option", "condition …"), ...page.about.conditions.map((name) => element("option", name)));
  byId("condition").hidden = !page.about.conditions.length;
  byId("of-game").hidden = !page.about.views.includes("trial_game");
  if (page.about.labels.length && !selected.length) choose(spread(8));
}

function drawGlance() {
  const box = byId("glance");
  const game = page.events?.game;
  const condition = game?.condition || (page.about.conditions.length ? "none chosen" : "");
  const text = `${gameText()} ${condition} ${JSON.stringify(game?.score)}`;
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren(element("p", gameText()), scores());
  if (condition) box.append(element("p", `condition of this trial: ${condition}`, "hint"));
}

function drawCommands() {
  const commands = (page.events?.said ?? []).slice(-6).reverse();
  byId("said").replaceChildren(...commands.map(({ at, name, value, sender }) => {
    const origin = ["page", ""].includes(sender) || String(value).includes(sender) ? "" : ` (${sender})`;
    return element("li", `${seconds(at).toFixed(1)} s ${name} ${value || (name === "player" ? "none" : "")}${origin}`);
  }));
}

// Of Start and Pause only the one that would change something can be pressed.
function drawExperiment() {
  const game = page.events?.game;
  const last = page.events?.said.findLast(({ name }) => ["pause", "start"].includes(name))?.name;
  const isPaused = game?.phase === "paused" || (last === "pause" && game?.phase !== "over");
  document.querySelector("[data-say=start]").disabled = !isPaused;
  document.querySelector("[data-say=pause]").disabled = isPaused || game?.phase === "over";
}

export const live = {
  name: "live",
  title: "Live",
  html: `
    <div class="side">
      <article class="card"><h2>Array <small>spikes in the last second (Hz)</small></h2><canvas id="array"></canvas>
        <canvas id="array-scale" role="img" aria-label="colours of firing rates"></canvas>
        <p id="array-hint" class="hint"></p></article>
      <article class="card"><h2>Game</h2><div id="glance"></div></article>
      <article class="card operate"><h2>Experiment</h2>
        <div class="row" id="of-game"><button data-say="start">Start</button><button data-say="pause">Pause</button>
          <select id="condition" title="condition of the next trials"></select></div>
        <form id="note" class="row"><input id="note-text" maxlength="2000" placeholder="note, goes into the recording" aria-label="note"><button>Note</button></form>
        <ul id="said" class="list"></ul></article>
    </div>
    <div class="plots">
      <article class="card grow5"><h2>Traces <select id="stream" aria-label="stream"></select>
        <select id="traces-s" aria-label="window"><option value="1">1 s</option><option value="2">2 s</option><option value="5" selected>5 s</option><option value="10">10 s</option></select>
        <select id="which" aria-label="channels"><option value="8">8 channels</option><option value="16">16 channels</option><option value="64">up to 64</option><option value="chosen" hidden>chosen</option></select>
        <small id="traces-scale"></small></h2><div id="traces" class="plot"></div></article>
      <article class="card grow3"><h2>Raster <select id="raster-s" aria-label="window"><option value="10">10 s</option><option value="30" selected>30 s</option><option value="60">60 s</option></select>
        <small><i class="key stim"></i>stimulus <i class="key response"></i>response <i class="key gap"></i>missing</small></h2><div id="raster" class="plot"></div></article>
      <article class="card grow2"><h2>Population rate <small>mean of all channels; spikes are threshold crossings, multi-unit activity</small></h2><div id="rate" class="plot"></div></article>
    </div>`,
  shows: ["array", "traces", "raster"],
  start,
  begin,
  draw() {
    drawArray(selected);
    drawTraces();
    rasterChart.draw();
    rateChart.draw();
    drawGlance();
    drawCommands();
    drawExperiment();
  },
};
