// A game of trials, such as rock-paper-scissors: gestures as pictures, and buttons to show one.
// State from crepe/dashboard/views/trial_game.py.

import { element, page, post, seconds } from "../state.js";
import { drawQueue, queueForm } from "./player_queue.js";

// Outlines, as the attribute d of an SVG path.
const PICTURES = new Map([
  ["rock", "M25 60c-4-18 4-32 22-33 8-9 24-7 28 3 9 2 13 10 11 19 3 20-6 32-28 33-20 1-31-6-33-22z"],
  ["paper", "M28 18h36l10 11v55H28zM64 18v11h10M37 42h28M37 54h28M37 66h28"],
  ["scissors", "M32 20l26 44M70 20L44 64M28 74a10 10 0 1 0 20 0a10 10 0 1 0-20 0M54 74a10 10 0 1 0 20 0a10 10 0 1 0-20 0"],
]);
const UNKNOWN = "M40 38a11 11 0 1 1 14 11q-4 3-4 11m0 12v3";

// Made of nodes and not of text: a gesture's name may come from a recording of others.
function drawing(gesture) {
  const node = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const picture = node("svg", { viewBox: "0 0 100 100", fill: "none", stroke: "currentColor", "stroke-width": 5, "stroke-linejoin": "round", role: "img", "aria-label": gesture ?? "nothing" });
  picture.append(node("path", { d: PICTURES.get(gesture) ?? UNKNOWN }));
  return picture;
}

const OUTCOMES = { won: "the culture won", drawn: "a draw", lost: "the culture lost", none: "no answer" };

// Elements are built once for a game; later only texts change, so that no click falls between two.
let parts = null;

function face(owner) {
  const box = element("div", "", "face");
  const picture = element("div"), name = element("b");
  box.append(picture, name, element("small", owner));
  return { box, picture, name };
}

function show(face, gesture) {
  if (face.name.textContent === (gesture ?? "…")) return;
  face.picture.replaceChildren(drawing(gesture));
  face.name.textContent = gesture ?? "…";
}

async function showGesture(gesture) {
  const answer = await post("/api/gesture", { client: page.client, gesture });
  parts.answer.textContent = answer.reason ?? "";
}

function gestureButton(gesture) {
  const button = element("button", gesture);
  button.dataset.gesture = gesture;
  button.append(element("kbd", `key ${gesture[0].toUpperCase()}`));
  button.onclick = () => showGesture(gesture);
  return button;
}

function build() {
  const { gestures, can_be_played: canBePlayed } = page.about;
  parts = { player: face("player"), culture: face("culture"), refused: element("p", "", "bad"), answer: element("p", "", "bad"), buttons: [], queue: null };
  const picture = element("div", "", "faces");
  picture.append(parts.player.box, parts.culture.box);
  const controls = [parts.refused, parts.answer];
  if (!canBePlayed) return { picture, controls, footer: [] };
  parts.buttons = gestures.map(gestureButton);
  const row = element("div", "", "gestures operate");
  row.append(...parts.buttons);
  parts.queue = queueForm((reason) => { parts.answer.textContent = reason; });
  return { picture, controls: [...controls, row], footer: [parts.queue.form] };
}

function draw(game) {
  const last = ["rest", "over", "paused"].includes(game?.phase) ? page.events.trials.at(-1) : null;
  const shown = last ?? game;
  show(parts.player, shown?.gesture);
  show(parts.culture, shown?.answer);
  const refused = page.events?.refused_gesture;
  parts.refused.textContent = refused?.shown_by.startsWith("page") ? `the gesture was refused: ${refused.reason}` : "";
  const isTurn = page.connected && page.slow.queue?.place === 0 && ["rest", "waiting"].includes(game?.phase);
  parts.buttons.forEach((button) => { button.disabled = !isTurn; });
  if (parts.queue) drawQueue(parts.queue);
}

function resultText(trial) {
  if (!trial.gesture) return trial.outcome ?? "";
  if (!trial.answer) return "the culture stayed silent: nothing readable";
  return `${trial.gesture} was shown, ${trial.answer} answered: ${OUTCOMES[trial.outcome] ?? trial.outcome}`;
}

function text(game) {
  const { place, is_taken: isTaken, name } = page.slow.queue ?? {};
  switch (game.phase) {
    case "rest": {
      const last = page.events.trials.at(-1);
      const before = last && last.trial === game.trial - 1 && last.gesture ? `${resultText(last)} — ` : "";
      return `${before}rest, trial ${game.trial} is next`;
    }
    case "waiting": return place === 0 ? "your turn: show a gesture" : isTaken ? `waiting for ${name}` : "waiting for a gesture";
    case "stimulation": return `stimulating: ${game.gesture ?? ""}`;
    case "response": return "listening to the culture";
    case "outcome": return resultText(game);
    default: return null;
  }
}

function trouble(game) {
  const trial = game.phase === "rest" ? game.trial - 1 : game.trial;
  const stimulus = page.events.stimuli.findLast(({ number }) => number === trial); // numbered by trial
  if (!stimulus || ["", "intended", "delivered"].includes(stimulus.state)) return "";
  return `the pulses were ${stimulus.state}: ${stimulus.reason}`;
}

function key(event) {
  const button = parts?.buttons.find(({ dataset }) => dataset.gesture[0] === event.key.toLowerCase());
  if (button && !button.disabled) button.click();
}

export const trialGame = {
  name: "trial_game",
  shows: [],
  outcomes: OUTCOMES,
  columns: ["trial", "shown", "decoded", "answered", "culture"],
  row: ({ trial, gesture, decoded, answer, outcome }) => [trial, gesture, decoded, answer, outcome],
  get responseHint() {
    const by = page.about.decided_by;
    return "spikes of all channels in bins of 20 ms; orange: stimulus, blue: the time in which an answer counts" + (by ? `. Decided by ${by}` : "");
  },
  responseFrom() {
    const trial = [page.events?.game, page.events?.trials?.at(-1)].find((each) => each?.phases?.stimulation);
    return trial ? seconds(trial.phases.stimulation) - 0.25 : null;
  },
  build, draw, key, text, trouble,
};
