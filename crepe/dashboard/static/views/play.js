// The tab Play: the game, the culture's response to the trial that goes on, and the last trials.

import { chart, css, shade } from "../chart.js";
import { byId, element, page, seconds } from "../state.js";
import { gameText, gameView, scores, trouble } from "./games.js";
import { population } from "./raster.js";

const RESPONSE_S = 2.5;
let responseFrom = 0;
let parts = null; // of the game that is shown

const keyOfGame = () => JSON.stringify([page.about.session, gameView().name, page.about.gestures, page.about.can_be_played]);

function build(box) {
  const { picture, controls, footer } = gameView().build();
  parts = { key: keyOfGame(), text: element("div", "", "saying"), points: element("div") };
  parts.points.id = "score";
  box.replaceChildren(element("h2", page.about.title), picture, parts.text, ...controls, parts.points, ...footer);
}

function drawGame() {
  if (parts?.key !== keyOfGame()) build(byId("game"));
  const game = page.events?.game;
  gameView().draw(game);
  parts.text.textContent = gameText();
  parts.text.classList.toggle("bad", !!trouble());
  const points = JSON.stringify(game?.score);
  if (parts.points.dataset.text !== points) {
    parts.points.dataset.text = points;
    parts.points.replaceChildren(scores());
  }
}

function drawTrials() {
  const box = byId("trials");
  const events = page.events;
  const { columns, row: cellsOf } = gameView();
  const text = JSON.stringify([columns, events?.trials.length, events?.trials.at(-1)?.trial, events?.by_condition]);
  if (!events || box.dataset.text === text) return;
  box.dataset.text = text;
  const table = element("table");
  const row = (tag, ...cells) => {
    const line = element("tr");
    cells.forEach((cell) => line.append(element(tag, cell ?? "–")));
    table.append(line);
  };
  const conditions = Object.entries(events.by_condition);
  if (conditions.some(([name]) => name)) {
    const outcomes = [...new Set(conditions.flatMap(([, counts]) => Object.keys(counts)))];
    row("th", "condition", ...outcomes);
    for (const [name, counts] of conditions) row("td", name || "–", ...outcomes.map((outcome) => counts[outcome] ?? 0));
  }
  row("th", ...columns);
  for (const trial of events.trials.slice(-12).reverse()) row("td", ...cellsOf(trial));
  const scroll = element("div", "", "scroll");
  scroll.append(table);
  box.replaceChildren(scroll);
  if (events.since) box.append(element("p", `counted from ${Math.round(seconds(events.since))} s on: earlier trials are in the recording`, "hint"));
}

const responseChart = chart("response", () => ({
  scales: { x: { time: false, auto: false, range: () => [responseFrom, responseFrom + RESPONSE_S] }, y: { range: (_, low, high) => [0, Math.max(10, (high || 0) * 1.1)] } },
  xLabel: "session time (s)", yLabel: "Hz per channel",
  series: [{}, { stroke: css("--green"), fill: css("--response"), width: 1.5, points: { show: false } }],
  hooks: { drawClear: [shade] },
}), response);

function response() {
  return population(responseFrom, Math.min(responseFrom + RESPONSE_S, page.about ? seconds(page.now) : 0), 1);
}

// Why the plot is empty, or how it is read.
function responseHint() {
  if (response()[1].some((rate) => rate !== null)) return gameView().responseHint;
  return page.slow.notice || "empty: no trial has shown a gesture, or its spikes are older than a minute";
}

export const play = {
  name: "play",
  title: "Play",
  html: `
    <article class="card game"><div id="game"></div></article>
    <div class="side">
      <article class="card"><h2>Response of the culture</h2><div id="response" class="plot low"></div><p class="hint" id="response-hint"></p></article>
      <article class="card"><h2>Trials</h2><div id="trials"></div></article>
    </div>`,
  get shows() {
    return ["raster", ...gameView().shows];
  },
  draw() {
    responseFrom = gameView().responseFrom() ?? responseFrom;
    drawTrials();
    drawGame();
    responseChart.draw();
    byId("response-hint").textContent = responseHint();
  },
  key: (event) => gameView().key?.(event),
};
