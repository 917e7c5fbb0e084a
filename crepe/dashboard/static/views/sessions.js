// The recorded sessions, with their files and reports. Lists come from crepe/dashboard/session_routes.py.

import { byId, element, isOperator, post } from "../state.js";

const COLUMNS = ["begun (UTC)", "experiment", "length", "score", "gaps", "MB"];
const length = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
const scoreText = (score) => Object.entries(score).map(([name, n]) => `${name} ${n}`).join(", ");

async function list() {
  listBeside();
  const hint = byId("session-hint");
  let rows;
  try {
    const response = await fetch("/api/sessions");
    if (!response.ok) throw new Error(`status ${response.status}`);
    rows = await response.json();
  } catch (error) {
    hint.textContent = `the list cannot be loaded: ${error.message}`;
    return;
  }
  hint.textContent = rows.length ? "" : "nothing has been recorded yet";
  const table = byId("session-table");
  const head = element("tr");
  [...COLUMNS, "", "", ""].forEach((name) => head.append(element("th", name)));
  table.replaceChildren(head, ...rows.map(sessionRow));
}

async function listBeside() {
  const response = await fetch("/api/beside").catch(() => null);
  const others = response?.ok ? await response.json() : [];
  byId("beside").hidden = !others.length;
  byId("beside-list").replaceChildren(...others.map((other) => {
    const item = element("li");
    const text = `${other.culture} (${other.experiment}, session ${other.id})`;
    const name = element(other.link ? "a" : "span", text);
    if (other.link) name.href = other.link;
    item.append(name);
    return item;
  }));
}

function sessionRow(session) {
  const row = element("tr");
  const name = session.title || session.id;
  const cells = [
    (session.started ?? session.id).replace("T", " ").slice(0, 19), name, session.is_running ? "running" : length(session.duration_s),
    session.is_running ? "–" : scoreText(session.score) || (session.problem ? "" : "–"), session.is_running ? "–" : session.n_gaps, (session.n_bytes / 1e6).toFixed(1),
  ];
  cells.forEach((cell, i) => {
    const node = element("td", cell, i === 1 ? "wide" : "");
    node.dataset.name = COLUMNS[i]; // shown on a phone, where the head is hidden
    row.append(node);
  });
  if (session.problem || session.is_running) {
    const note = element("td", session.problem || "can be replayed and downloaded once it has ended", session.problem ? "wide bad" : "wide");
    note.colSpan = 3;
    row.append(note);
    return row;
  }
  const at = `/api/sessions/${encodeURIComponent(session.id)}`;
  const link = (text, href, isFile, cell = element("td")) => {
    const anchor = element("a", text);
    anchor.href = href;
    if (isFile) anchor.download = "";
    cell.append(anchor, " ");
    row.append(cell);
    return cell;
  };
  link("replay", `/replay/${encodeURIComponent(session.id)}`);
  if (session.parts.length < 2) link("recording", `${at}/recording`, true);
  else {
    const cell = element("td");
    cell.title = session.part_problems.join("\n");
    session.parts.forEach((part, i) => link(`part ${i + 1}`, `${at}/recording/${encodeURIComponent(part)}`, true, cell));
  }
  if (session.has_report) link("report", `${at}/report/`).firstChild.target = "_blank";
  else if (isOperator()) {
    const cell = link("make a report", `${at}/report/`);
    cell.firstChild.onclick = (event) => { event.preventDefault(); makeReport(at, cell); };
  } else row.append(element("td", "no report yet"));
  return row;
}

async function makeReport(at, cell) {
  const answer = await post(`${at}/report`);
  cell.textContent = answer.reason || "being made …";
  while (answer.state === "making") {
    await new Promise((done) => setTimeout(done, 1000));
    const { state, reason } = await (await fetch(`${at}/report/state`)).json();
    if (state === "ready") { list(); return; }
    if (state !== "making") { cell.textContent = reason || state; return; }
  }
}

export const sessions = {
  name: "sessions",
  title: "Sessions",
  html: `
    <article id="beside" class="card" hidden><h2>Running beside this one</h2><ul id="beside-list"></ul></article>
    <article class="card"><h2>Recorded sessions</h2><div class="scroll"><table id="session-table"></table></div><p id="session-hint" class="hint"></p></article>`,
  shows: [],
  open: list,
};
