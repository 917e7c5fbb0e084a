// How programs, delays and data do. State from crepe/dashboard/views/health.py.

import { chart, css } from "../chart.js";
import { byId, element, page, seconds } from "../state.js";

function fill(table, names, rows) {
  const text = JSON.stringify(rows);
  if (table.dataset.text === text) return;
  table.dataset.text = text;
  const line = (tag, cells) => {
    const row = element("tr");
    cells.forEach((cell) => {
      const [value, kind] = Array.isArray(cell) ? cell : [cell, typeof cell === "number" ? "n" : ""];
      row.append(element(tag, value ?? "–", kind));
    });
    return row;
  };
  table.replaceChildren(line("th", names), ...rows.map((cells) => line("td", cells)));
}

const GOOD = ["running", "ended", "RUNNING"];

const histogram = (id, name) => chart(id, () => {
  const edges = page.slow.edges_ms ?? [];
  return {
    scales: { x: { time: false, range: () => [-0.6, edges.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
    xLabel: "ms, from", yLabel: "times",
    xAxis: { splits: () => edges.map((_, i) => i), values: (u) => edges.map((edge, i) => (u.width < 420 && i % 2 ? "" : String(edge))), grid: { show: false } },
    series: [{}, { paths: uPlot.paths.bars({ size: [0.85] }), fill: css("--blue"), stroke: css("--blue"), points: { show: false } }],
  };
}, () => [(page.slow.edges_ms ?? [0]).map((_, i) => i), page.slow[name]?.counts ?? [0]]);

const decided = histogram("decided", "decided");
const fired = histogram("fired", "fired");

const percentiles = (delays) => (delays?.n ? `p50 ${delays.p50_ms} ms, p99 ${delays.p99_ms} ms; the last ${delays.n}` : "nothing measured yet");

function draw() {
  const rate = page.about.rate_hz;
  if (page.replay) byId("programs").replaceChildren(element("caption", "The state of programs is not in a recording."));
  else fill(byId("programs"), ["program", "state", ...["lag (ms)", "step p50 (ms)", "step p99 (ms)", "position (s)", "missing (s)", "restarts", "up (s)", "pid"].map((name) => [name, "n"])],
    (page.slow.programs ?? []).map((program) => [
      program.program, [program.state, GOOD.includes(program.state) ? "good" : program.state.startsWith("waiting") || program.state === "starting" ? "warm" : "bad"],
      ...(program.position ? [Math.round((1000 * program.lag) / rate), program["p50/ms"].toFixed(2), program["p99/ms"].toFixed(2), Math.round(program.position / rate), (program.missing / rate).toFixed(2)] : ["–", "–", "–", "–", "–"]), program.restarts, program["up/s"], program.pid,
    ].map((cell, i) => (i < 2 ? cell : [String(cell), "n"]))));
  decided.draw();
  fired.draw();
  byId("decided-text").textContent = page.replay ? "The times of decisions are not in a recording." : `${percentiles(page.slow.decided)}. From a segment's arrival to the decision made from it, measured a few times a second.`;
  byId("fired-text").textContent = `${percentiles(page.slow.fired)}. From the sample of the request to the first pulse; includes the game's own delay.`;
  const list = byId("integrity");
  const rows = [
    ["session", page.about.session], ["time", `${seconds(page.now).toFixed(1)} s, sample ${page.now}`],
    ...(page.slow.integrity ?? []),
    ["newest gaps", (page.slow.gaps ?? []).slice(-3).map(([a, b]) => `${seconds(a).toFixed(2)} to ${seconds(b).toFixed(2)} s`).join("; ") || "none"],
    ["streams", page.about.segment_streams.join(", ")],
  ];
  list.replaceChildren(...rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  const refusals = (page.events?.refusals ?? []).slice(-10).reverse();
  byId("refusals").replaceChildren(...(refusals.length ? refusals.map(({ at, number, state, reason }) => element("li", `${seconds(at).toFixed(1)} s, stimulus ${number} ${state}: ${reason}`)) : [element("li", "none")]));
}

export const health = {
  name: "health",
  title: "Health",
  html: `
    <article class="card"><h2>Programs</h2><div class="scroll"><table id="programs"></table></div></article>
    <div class="halves">
      <article class="card"><h2>Acquired to decided</h2><div id="decided" class="plot low"></div><p id="decided-text" class="hint"></p></article>
      <article class="card"><h2>Requested to stimulated</h2><div id="fired" class="plot low"></div><p id="fired-text" class="hint"></p></article>
      <article class="card"><h2>Data</h2><dl id="integrity"></dl></article>
      <article class="card"><h2>Stimuli not delivered</h2><ul id="refusals" class="list"></ul></article>
    </div>`,
  shows: ["health"],
  draw,
};
