// The game: at a glance, and to be played.

import { byId, element, isOperator, page, post } from "./state.js";
import { css } from "./plots.js";

const HANDS = {
  rock: '<path d="M25 60c-4-18 4-32 22-33 8-9 24-7 28 3 9 2 13 10 11 19 3 20-6 32-28 33-20 1-31-6-33-22z"/>',
  paper: '<path d="M28 18h36l10 11v55H28zM64 18v11h10M37 42h28M37 54h28M37 66h28" />',
  scissors: '<path d="M32 20l26 44M70 20L44 64"/><circle cx="38" cy="74" r="10"/><circle cx="64" cy="74" r="10"/>',
};
const hand = (name) => `<svg viewBox="0 0 100 100" fill="none" stroke="currentColor" stroke-width="5" stroke-linejoin="round" role="img" aria-label="${name ?? "nothing"}">${HANDS[name] ?? '<path d="M40 38a11 11 0 1 1 14 11q-4 3-4 11m0 12v3"/>'}</svg>`;
const OF_THE_CULTURE = { won: "the culture won", drawn: "a draw", lost: "the culture lost", none: "no answer" };
let told = "";
let saidByServer = "";

function trouble() {
  const game = page.story?.game;
  const trial = game?.phase === "rest" ? game.trial - 1 : game?.trial;
  const one = page.about?.has_court ? null : page.story?.stimuli.findLast((s) => s.number === trial);
  if (!one || ["", "intended", "delivered"].includes(one.state)) return "";
  return `the pulses were ${one.state}: ${one.reason}`;
}

export function phaseInWords() {
  const game = page.story?.game;
  if (!game) return "no game runs here";
  const player = page.more.seat?.player;
  if (page.more.control?.is_stopped) return `stimulation is stopped; ${page.more.control.is_simulator ? "arm to go on" : "whoever may, arms to go on"}`;
  if (trouble() && !["over", "paused", "waiting"].includes(game.phase)) return trouble();
  switch (game.phase) {
    case "rest": {
      const last = page.story.trials.at(-1);
      const before = last && last.trial === game.trial - 1 && last.gesture ? `${resultInWords(last)} — ` : "";
      return `${before}rest, trial ${game.trial} is next`;
    }
    case "waiting": return player === page.client ? "your turn: show a gesture" : player ? `waiting for ${page.more.seat.name}` : "waiting for a gesture";
    case "stimulation": return `stimulating: ${game.gesture ?? ""}`;
    case "response": return "listening to the culture";
    case "outcome": return resultInWords(game);
    case "paused": return "paused";
    case "over": return "the game is over";
    case "play": return `rally ${game.trial}: ${game.score.rally ?? 0} hits`;
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
  for (const [name, n] of Object.entries(page.story?.game?.score ?? {})) {
    const one = element("span", OF_THE_CULTURE[name] ?? name.replace("_", " "));
    one.prepend(element("b", n));
    box.append(one);
  }
  return box;
}

export function drawGlance() {
  const box = byId("glance");
  if (!box.offsetParent) return;
  const text = `${phaseInWords()} ${JSON.stringify(page.story?.game?.score)}`;
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren(element("p", phaseInWords()), scores());
}

async function send(path, words) {
  const answer = await post(path, { client: page.client, ...words });
  saidByServer = answer.reason ?? "";
  told = "";
  drawGame();
}

export const play = (gesture) => send("/api/gesture", { gesture });

function seat() {
  const box = element("div", "", "operate");
  const { player, name, waiting } = page.more.seat ?? { player: "", waiting: [] };
  const mine = player === page.client;
  const place = waiting.findIndex((one) => one.client === page.client);
  const button = (text, words) => {
    const made = element("button", text);
    made.onclick = () => send("/api/seat", { name: localStorage.crepeName || "somebody", ...words });
    return made;
  };
  if (mine) {
    box.append(element("p", waiting.length ? `You play; ${waiting.map((one) => one.name).join(", ")} would like to, too.` : "You play."));
    box.append(button(waiting.length ? "Hand over" : "Leave the seat", { wants: false }));
  } else if (place >= 0) {
    box.append(element("p", `${name} plays; you are number ${place + 1} to follow.`), button("Do not wait", { wants: false }));
  } else {
    const input = element("input");
    input.placeholder = "your name";
    input.maxLength = 40;
    input.value = localStorage.crepeName || "";
    input.oninput = () => { localStorage.crepeName = input.value; };
    box.append(element("p", player ? `${name} plays.` : "Nobody has the seat."));
    const row = element("div", "", "hands");
    row.append(input, button(player ? "Wait for the seat" : "Take the seat", { wants: true }));
    box.append(row);
  }
  return box;
}

export function drawGame() {
  const box = byId("game");
  if (!box.offsetParent || !page.about) return;
  drawTrials();
  if (page.about.has_court) {
    drawCourt(box);
    return;
  }
  const game = page.story?.game;
  const text = JSON.stringify([game, page.more.seat, page.more.role, trouble(), saidByServer, page.story?.refused_gesture?.shown_by]);
  if (text === told || box.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
  told = text;
  box.replaceChildren();
  const last = ["rest", "over", "paused"].includes(game?.phase) ? page.story.trials.at(-1) : null;
  const shown = last ?? game;
  const faces = element("div", "", "faces");
  for (const [who, what, below] of [["player", shown?.gesture, shown?.gesture], ["culture", shown?.answer, shown?.answer]]) {
    const face = element("div", "", "face");
    face.innerHTML = hand(what);
    face.append(element("b", below ?? "…"), element("small", who));
    faces.append(face);
  }
  box.append(element("h2", page.about.title), faces, element("div", phaseInWords(), trouble() ? "saying bad" : "saying"));
  const refused = page.story?.refused_gesture;
  if (refused?.shown_by.startsWith("page")) box.append(element("p", `the gesture was refused: ${refused.reason}`, "bad"));
  if (saidByServer) box.append(element("p", saidByServer, "bad"));
  if (isOperator()) {
    const mine = page.more.seat?.player === page.client;
    const hands = element("div", "", "hands");
    for (const gesture of page.about.gestures) {
      const made = element("button", gesture);
      made.dataset.gesture = gesture;
      made.disabled = !mine || !["rest", "waiting"].includes(game?.phase);
      made.append(element("kbd", `key ${gesture[0].toUpperCase()}`));
      made.onclick = () => play(gesture);
      hands.append(made);
    }
    box.append(hands);
  }
  box.append(scores());
  if (isOperator()) box.append(seat());
}

export function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) return;
  const button = [...document.querySelectorAll("#game [data-gesture]")].find((one) => one.dataset.gesture[0] === event.key.toLowerCase());
  if (button && !button.disabled) button.click();
}

function drawTrials() {
  const box = byId("trials");
  const story = page.story;
  const text = JSON.stringify([story?.trials.length, story?.trials.at(-1)?.trial, story?.by_condition]);
  if (!story || box.dataset.text === text) return;
  box.dataset.text = text;
  const table = element("table");
  const row = (tag, ...words) => {
    const made = element("tr");
    words.forEach((word) => made.append(element(tag, word ?? "–")));
    table.append(made);
  };
  const conditions = Object.entries(story.by_condition);
  if (conditions.some(([name]) => name)) {
    const names = [...new Set(conditions.flatMap(([, found]) => Object.keys(found)))];
    row("th", "condition", ...names);
    for (const [name, found] of conditions) row("td", name || "–", ...names.map((one) => found[one] ?? 0));
  }
  const isPong = page.about.has_court;
  row("th", ...(isPong ? ["rally", "hits", "end"] : ["trial", "shown", "decoded", "answered", "culture"]));
  for (const one of story.trials.slice(-12).reverse()) {
    row("td", ...(isPong ? [one.trial, one.rally, one.outcome] : [one.trial, one.gesture, one.decoded, one.answer, one.outcome]));
  }
  const scroll = element("div", "", "scroll");
  scroll.append(table);
  box.replaceChildren(scroll);
}

function drawCourt(box) {
  if (!byId("court")) {
    box.innerHTML = '<h2></h2><canvas id="court" width="960" height="600"></canvas><div class="saying"></div><div id="court-score"></div>';
  }
  box.querySelector("h2").textContent = page.about.title;
  box.querySelector(".saying").textContent = phaseInWords();
  byId("court-score").replaceChildren(scores());
  if (!isPainting) paintCourt();
}

// The court between two frames: drawn as often as the screen is, a frame behind what is known.

let isPainting = false;
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
  const part = Math.min(1, (performance.now() - court.at) / court.lasts);
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
