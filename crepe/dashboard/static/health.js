// How programs, delays and data do.

import { chart, css } from "./plots.js";
import { byId, element, isOperator, page, post, seconds } from "./state.js";

function fill(table, names, rows) {
  const text = JSON.stringify(rows);
  if (table.dataset.text === text) return;
  table.dataset.text = text;
  const line = (tag, cells) => {
    const made = element("tr");
    cells.forEach((cell) => {
      const [word, kind] = Array.isArray(cell) ? cell : [cell, typeof cell === "number" ? "n" : ""];
      made.append(element(tag, word ?? "–", kind));
    });
    return made;
  };
  table.replaceChildren(line("th", names), ...rows.map((cells) => line("td", cells)));
}

const GOOD = ["running", "ended", "RUNNING"];

const histogram = (id, which) => chart(id, () => {
  const edges = page.more.edges_ms ?? [];
  return {
    scales: { x: { time: false, range: () => [-0.6, edges.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
    xLabel: "ms, from", yLabel: "times",
    xAxis: { splits: () => edges.map((_, i) => i), values: (u) => edges.map((edge, i) => (u.width < 420 && i % 2 ? "" : String(edge))), grid: { show: false } },
    series: [{}, { paths: uPlot.paths.bars({ size: [0.85] }), fill: css("--blue"), stroke: css("--blue"), points: { show: false } }],
  };
}, () => [(page.more.edges_ms ?? [0]).map((_, i) => i), page.more[which]?.counts ?? [0]]);

const decided = histogram("decided", "decided");
const fired = histogram("fired", "fired");

const inWords = (found) => (found?.n ? `p50 ${found.p50_ms} ms, p99 ${found.p99_ms} ms; the last ${found.n}` : "nothing measured yet");

export function drawHealth() {
  if (!byId("health").offsetParent || !page.about) return;
  const rate = page.about.rate_hz;
  if (page.replay) byId("programs").replaceChildren(element("caption", "How programs did is not in a recording."));
  else fill(byId("programs"), ["program", "state", ...["lag (ms)", "step p50 (ms)", "step p99 (ms)", "position (s)", "missing (s)", "restarts", "up (s)", "pid"].map((name) => [name, "n"])],
    (page.more.programs ?? []).map((one) => [
      one.program, [one.state, GOOD.includes(one.state) ? "good" : one.state.startsWith("waiting") || one.state === "starting" ? "warm" : "bad"],
      ...(one.position ? [Math.round((1000 * one.lag) / rate), one["p50/ms"].toFixed(2), one["p99/ms"].toFixed(2), Math.round(one.position / rate), (one.missing / rate).toFixed(2)] : ["–", "–", "–", "–", "–"]), one.restarts, one["up/s"], one.pid,
    ].map((cell, i) => (i < 2 ? cell : [String(cell), "n"]))));
  decided.draw();
  fired.draw();
  byId("decided-text").textContent = page.replay ? "When decisions were made is not in a recording." : `${inWords(page.more.decided)}. From a segment's arrival to the decision made of it, a few samples a second.`;
  byId("fired-text").textContent = `${inWords(page.more.fired)}. From the sample that asked to the first pulse; the game's own delay is in it.`;
  const list = byId("integrity");
  const rows = [
    ["session", page.about.session], ["time", `${seconds(page.now).toFixed(1)} s, sample ${page.now}`],
    ...(page.more.integrity ?? []),
    ["newest gaps", (page.more.gaps ?? []).slice(-3).map(([a, b]) => `${seconds(a).toFixed(2)} to ${seconds(b).toFixed(2)} s`).join("; ") || "none"],
    ["streams", page.about.segment_streams.join(", ")],
  ];
  list.replaceChildren(...rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  const refusals = (page.events?.refusals ?? []).slice(-10).reverse();
  byId("refusals").replaceChildren(...(refusals.length ? refusals.map((one) => element("li", `${seconds(one.at).toFixed(1)} s, stimulus ${one.number} ${one.state}: ${one.reason}`)) : [element("li", "none")]));
}

// The recorded sessions

const COLUMNS = ["begun (UTC)", "experiment", "length", "score", "gaps", "MB"];
const length = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
const points = (score) => Object.entries(score).map(([name, n]) => `${name} ${n}`).join(", ");

export async function drawSessions() {
  const hint = byId("session-hint");
  let found;
  try {
    const answer = await fetch("/api/sessions");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    found = await answer.json();
  } catch (error) {
    hint.textContent = `the list cannot be had: ${error.message}`;
    return;
  }
  hint.textContent = found.length ? "" : "nothing has been recorded yet";
  const table = byId("session-table");
  const head = element("tr");
  [...COLUMNS, "", "", ""].forEach((name) => head.append(element("th", name)));
  table.replaceChildren(head, ...found.map(sessionRow));
}

function sessionRow(one) {
  const row = element("tr");
  const name = one.title || one.id;
  const cells = [
    (one.started ?? one.id).replace("T", " ").slice(0, 19), name, one.is_running ? "running" : length(one.duration_s),
    one.is_running ? "–" : points(one.score) || (one.problem ? "" : "–"), one.is_running ? "–" : one.n_gaps, (one.n_bytes / 1e6).toFixed(1),
  ];
  cells.forEach((cell, i) => {
    const made = element("td", cell, i === 1 ? "wide" : "");
    made.dataset.name = COLUMNS[i]; // where there is no room for a head
    row.append(made);
  });
  if (one.problem || one.is_running) {
    const said = element("td", one.problem || "can be replayed and downloaded when it has ended", one.problem ? "wide bad" : "wide");
    said.colSpan = 3;
    row.append(said);
    return row;
  }
  const at = `/api/sessions/${encodeURIComponent(one.id)}`;
  const link = (text, href, isFile, cell = element("td")) => {
    const made = element("a", text);
    made.href = href;
    if (isFile) made.download = "";
    cell.append(made, " ");
    row.append(cell);
    return cell;
  };
  link("replay", `/replay/${encodeURIComponent(one.id)}`);
  if (one.parts.length < 2) link("recording", `${at}/recording`, true);
  else {
    const cell = element("td");
    cell.title = one.part_problems.join("\n");
    one.parts.forEach((part, i) => link(`part ${i + 1}`, `${at}/recording/${encodeURIComponent(part)}`, true, cell));
  }
  if (one.has_report) link("report", `${at}/report/`).firstChild.target = "_blank";
  else if (isOperator()) {
    const cell = link("make a report", `${at}/report/`);
    cell.firstChild.onclick = (event) => { event.preventDefault(); makeReport(at, cell); };
  } else row.append(element("td", "no report yet"));
  return row;
}

async function makeReport(at, cell) {
  const begun = await post(`${at}/report`);
  cell.textContent = begun.reason || "being made …";
  while (begun.state === "making") {
    await new Promise((done) => setTimeout(done, 1000));
    const { state, reason } = await (await fetch(`${at}/report/state`)).json();
    if (state === "ready") { drawSessions(); return; }
    if (state !== "making") { cell.textContent = reason || state; return; }
  }
}
