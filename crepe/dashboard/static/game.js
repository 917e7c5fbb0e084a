// The game: at a glance, and to be played.

import { byId, element, page, post, seconds } from "./state.js";
import { css } from "./plots.js";

const HANDS = {
  rock: '<path d="M25 60c-4-18 4-32 22-33 8-9 24-7 28 3 9 2 13 10 11 19 3 20-6 32-28 33-20 1-31-6-33-22z"/>',
  paper: '<path d="M28 18h36l10 11v55H28zM64 18v11h10M37 42h28M37 54h28M37 66h28" />',
  scissors: '<path d="M32 20l26 44M70 20L44 64"/><circle cx="38" cy="74" r="10"/><circle cx="64" cy="74" r="10"/>',
};
const hand = (name) => `<svg viewBox="0 0 100 100" fill="none" stroke="currentColor" stroke-width="5" stroke-linejoin="round" role="img" aria-label="${name ?? "nothing"}">${HANDS[name] ?? '<path d="M40 38a11 11 0 1 1 14 11q-4 3-4 11m0 12v3"/>'}</svg>`;
const OF_THE_CULTURE = { won: "the culture won", drawn: "a draw", lost: "the culture lost", none: "no answer", rally: "hits in this rally" };
let saidByServer = "";

function trouble() {
  const game = page.events?.game;
  const trial = game?.phase === "rest" ? game.trial - 1 : game?.trial;
  const one = page.about?.has_court ? null : page.events?.stimuli.findLast((s) => s.number === trial);
  if (!one || ["", "intended", "delivered"].includes(one.state)) return "";
  return `the pulses were ${one.state}: ${one.reason}`;
}

export function phaseInWords() {
  const game = page.events?.game;
  if (!page.connected) return "no connection: what is shown here is old";
  if (!game) return "no game runs here";
  const { place, is_taken: isTaken, name } = page.more.queue ?? {};
  if (page.more.control?.is_stopped) return `stimulation is stopped; ${page.more.control.is_simulator ? "arm to go on" : "whoever may, arms to go on"}`;
  if (trouble() && !["over", "paused", "waiting"].includes(game.phase)) return trouble();
  switch (game.phase) {
    case "rest": {
      const last = page.events.trials.at(-1);
      const before = last && last.trial === game.trial - 1 && last.gesture ? `${resultInWords(last)} — ` : "";
      return `${before}rest, trial ${game.trial} is next`;
    }
    case "waiting": return place === 0 ? "your turn: show a gesture" : isTaken ? `waiting for ${name}` : "waiting for a gesture";
    case "stimulation": return `stimulating: ${game.gesture ?? ""}`;
    case "response": return "listening to the culture";
    case "outcome": return resultInWords(game);
    case "paused": return "paused";
    case "over": return "the game is over";
    case "play": return `rally ${game.trial}, hits: ${game.score.rally ?? 0}`;
    case "feedback": return "missed: the culture is told";
    default: return game.phase;
  }
}

function resultInWords(trial) {
  if (!trial.gesture) return trial.outcome ?? "";
  if (!trial.answer) return "the culture stayed silent: nothing readable";
  return `${trial.gesture} was shown, ${trial.answer} answered: ${OF_THE_CULTURE[trial.outcome] ?? trial.outcome}`;
}

function scores() {
  const box = element("div", "", "points");
  for (const [name, n] of Object.entries(page.events?.game?.score ?? {})) {
    const one = element("span", OF_THE_CULTURE[name] ?? name.replace("_", " "));
    one.prepend(element("b", n));
    box.append(one);
  }
  return box;
}

export function drawGlance() {
  const box = byId("glance");
  if (!box.offsetParent) return;
  const game = page.events?.game;
  const condition = game?.condition || (page.about.conditions.length ? "none chosen" : "");
  const text = `${phaseInWords()} ${condition} ${JSON.stringify(game?.score)}`;
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren(element("p", phaseInWords()), scores());
  if (condition) box.append(element("p", `condition of this trial: ${condition}`, "hint"));
}

async function send(path, words) {
  const answer = await post(path, { client: page.client, ...words });
  saidByServer = answer.reason ?? "";
  drawGame();
}

export const play = (gesture) => send("/api/gesture", { gesture });

// The view is built once for a game; what changes are texts, so that no click falls between two.

let view = null;

function build(box) {
  const { title, gestures, can_be_played: canBePlayed } = page.about;
  view = { key: keyOfView(), culture: face("culture"), player: face("player"), saying: element("div", "", "saying"), refused: element("p", "", "bad"), answered: element("p", "", "bad"), points: element("div"), buttons: [] };
  const faces = element("div", "", "faces");
  faces.append(view.player.box, view.culture.box);
  box.replaceChildren(element("h2", title), faces, view.saying, view.refused, view.answered);
  if (canBePlayed) {
    const hands = element("div", "", "hands operate");
    view.buttons = gestures.map((gesture) => {
      const made = element("button", gesture);
      made.dataset.gesture = gesture;
      made.append(element("kbd", `key ${gesture[0].toUpperCase()}`));
      made.onclick = () => play(gesture);
      return made;
    });
    hands.append(...view.buttons);
    box.append(hands);
  }
  box.append(view.points);
  if (canBePlayed) box.append(queueForm());
}

function face(who) {
  const box = element("div", "", "face");
  const picture = element("div"), name = element("b");
  box.append(picture, name, element("small", who));
  return { box, picture, name };
}

function show(face, what) {
  if (face.name.textContent === (what ?? "…")) return;
  face.picture.innerHTML = hand(what);
  face.name.textContent = what ?? "…";
}

function queueForm() {
  const form = element("form", "", "operate");
  const row = element("div", "", "hands");
  const input = element("input");
  input.placeholder = "your name";
  input.maxLength = 40;
  input.value = localStorage.crepeName || "";
  input.oninput = () => { localStorage.crepeName = input.value; };
  view.queue = { says: element("p"), input, button: element("button") };
  form.onsubmit = (event) => {
    event.preventDefault();
    input.blur();
    send("/api/queue", { name: input.value.trim() || "somebody", wants: page.more.queue.place === null });
  };
  row.append(input, view.queue.button);
  form.append(view.queue.says, row);
  return form;
}

function drawQueue() {
  const { place, name, waiting, is_taken: isTaken } = page.more.queue ?? { place: null, waiting: [] };
  const { says, input, button } = view.queue;
  input.hidden = place !== null;
  button.disabled = !page.connected;
  if (place === 0) {
    says.textContent = waiting.length ? `You play; ${waiting.join(", ")} would like to, too.` : "You play.";
    button.textContent = waiting.length ? "Hand over" : "Leave the seat";
  } else if (place !== null) {
    says.textContent = `${name} plays; you are number ${place + 1} to follow.`;
    button.textContent = "Do not wait";
  } else {
    says.textContent = isTaken ? `${name} plays.` : "Nobody has the seat.";
    button.textContent = isTaken ? "Wait for the seat" : "Take the seat";
  }
}

const keyOfView = () => JSON.stringify([page.about.session, page.about.gestures, page.about.can_be_played]);

export function drawGame() {
  const box = byId("game");
  if (!box.offsetParent || !page.about) return;
  drawTrials();
  if (page.about.has_court) {
    drawCourt(box);
    return;
  }
  if (view?.key !== keyOfView()) build(box);
  const game = page.events?.game;
  const last = ["rest", "over", "paused"].includes(game?.phase) ? page.events.trials.at(-1) : null;
  const shown = last ?? game;
  show(view.player, shown?.gesture);
  show(view.culture, shown?.answer);
  view.saying.textContent = phaseInWords();
  view.saying.classList.toggle("bad", !!trouble());
  const refused = page.events?.refused_gesture;
  view.refused.textContent = refused?.shown_by.startsWith("page") ? `the gesture was refused: ${refused.reason}` : "";
  view.answered.textContent = saidByServer;
  const isTurn = page.connected && page.more.queue?.place === 0 && ["rest", "waiting"].includes(game?.phase);
  view.buttons.forEach((button) => { button.disabled = !isTurn; });
  const points = JSON.stringify(game?.score);
  if (view.points.dataset.text !== points) {
    view.points.dataset.text = points;
    view.points.replaceChildren(scores());
  }
  if (view.queue) drawQueue();
}

export function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) return;
  const button = [...document.querySelectorAll("#game [data-gesture]")].find((one) => one.dataset.gesture[0] === event.key.toLowerCase());
  if (button && !button.disabled) button.click();
}

function drawTrials() {
  const box = byId("trials");
  const events = page.events;
  const text = JSON.stringify([events?.trials.length, events?.trials.at(-1)?.trial, events?.by_condition]);
  if (!events || box.dataset.text === text) return;
  box.dataset.text = text;
  const table = element("table");
  const row = (tag, ...words) => {
    const made = element("tr");
    words.forEach((word) => made.append(element(tag, word ?? "–")));
    table.append(made);
  };
  const conditions = Object.entries(events.by_condition);
  if (conditions.some(([name]) => name)) {
    const names = [...new Set(conditions.flatMap(([, found]) => Object.keys(found)))];
    row("th", "condition", ...names);
    for (const [name, found] of conditions) row("td", name || "–", ...names.map((one) => found[one] ?? 0));
  }
  const isPong = page.about.has_court;
  row("th", ...(isPong ? ["rally", "hits", "end"] : ["trial", "shown", "decoded", "answered", "culture"]));
  for (const one of events.trials.slice(-12).reverse()) {
    row("td", ...(isPong ? [one.trial, one.rally, one.outcome] : [one.trial, one.gesture, one.decoded, one.answer, one.outcome]));
  }
  const scroll = element("div", "", "scroll");
  scroll.append(table);
  box.replaceChildren(scroll);
  if (events.since) box.append(element("p", `counted from ${Math.round(seconds(events.since))} s on: what was before is in the recording`, "hint"));
}

function drawCourt(box) {
  if (!byId("court")) {
    delete box.dataset.text;
    view = null;
    box.innerHTML = '<h2></h2><canvas id="court" width="960" height="600"></canvas><div class="saying"></div><div id="court-score"></div>';
  }
  box.querySelector("h2").textContent = page.about.title;
  box.querySelector(".saying").textContent = phaseInWords();
  const points = JSON.stringify(page.events?.game?.score);
  if (box.dataset.text !== points) {
    box.dataset.text = points;
    byId("court-score").replaceChildren(scores());
  }
  if (!isPainting) paintCourt();
}

// The court between two frames: drawn as often as the screen is, a frame behind what is known.

const COURT_MS = 40; // between two pictures
let isPainting = false;
let painted = 0;
let court = { from: null, to: null, at: 0, lasts: 200 };

export function moveCourt() {
  if (!page.court) return;
  const now = performance.now();
  const isNew = !court.to || page.court.some((value, i) => value !== court.to[i]);
  if (!isNew) return;
  const lasts = court.at ? Math.min(400, Math.max(40, now - court.at)) : 200;
  const isServe = court.to && court.to[5] !== page.court[5];
  court = { from: isServe ? null : court.to, to: page.court, at: now, lasts };
}

function paintCourt() {
  const canvas = byId("court");
  isPainting = Boolean(canvas?.offsetParent && court.to);
  if (!isPainting) return;
  requestAnimationFrame(paintCourt);
  const now = performance.now();
  const hasCome = painted > court.at + court.lasts; // where it was going to
  if (now - painted < COURT_MS || hasCome) return;
  painted = now;
  const part = Math.min(1, (now - court.at) / court.lasts);
  const [x, y, paddle] = [0, 1, 2].map((i) => {
    const from = court.from ? court.from[i] : court.to[i];
    return from + (court.to[i] - from) * part;
  });
  const [, , , size, isInPlay] = court.to;
  const ctx = canvas.getContext("2d");
  const { width, height } = canvas;
  ctx.clearRect(0, 0, width, height);
  ctx.fillStyle = css("--blue");
  ctx.fillRect(8, (1 - paddle - size / 2) * height, 14, size * height);
  ctx.fillStyle = isInPlay ? css("--orange") : css("--dim");
  ctx.beginPath();
  ctx.arc(22 + x * (width - 40), (1 - y) * height, 13, 0, 2 * Math.PI);
  ctx.fill();
}
