// The court of a Pong. State from crepe/dashboard/views/court.py.
//
// Between two frames it is drawn as often as the screen is, one frame behind the newest position.

import { css } from "../chart.js";
import { byId, element, onFrame, page, seconds } from "../state.js";

const PAINT_MS = 40; // between two pictures
const RESPONSE_S = 2.5;
let isPainting = false;
let painted = 0;
let move = { from: null, to: null, at: 0, lasts: 200 };

onFrame(({ court: position }) => {
  if (!position) return;
  const now = performance.now();
  const isNew = !move.to || position.some((value, i) => value !== move.to[i]);
  if (!isNew) return;
  const lasts = move.at ? Math.min(400, Math.max(40, now - move.at)) : 200;
  const isServe = move.to && move.to[5] !== position[5];
  move = { from: isServe ? null : move.to, to: position, at: now, lasts };
});

function paint() {
  const canvas = byId("court");
  isPainting = Boolean(canvas?.offsetParent && move.to);
  if (!isPainting) return;
  requestAnimationFrame(paint);
  const now = performance.now();
  const isThere = painted > move.at + move.lasts; // nothing moves until the next frame
  if (now - painted < PAINT_MS || isThere) return;
  painted = now;
  const part = Math.min(1, (now - move.at) / move.lasts);
  const [x, y, paddle] = [0, 1, 2].map((i) => {
    const from = move.from ? move.from[i] : move.to[i];
    return from + (move.to[i] - from) * part;
  });
  const [, , , size, isInPlay] = move.to;
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

export const court = {
  name: "court",
  shows: ["court"],
  outcomes: { rally: "hits in this rally" },
  columns: ["rally", "hits", "end"],
  row: ({ trial, rally, outcome }) => [trial, rally, outcome],
  responseHint: "spikes of all channels in bins of 20 ms; orange: stimulus",
  responseFrom: () => seconds(page.now) - RESPONSE_S, // there are no single responses: it rolls
  build() {
    const picture = element("canvas");
    picture.id = "court";
    [picture.width, picture.height] = [960, 600];
    return { picture, controls: [], footer: [] };
  },
  draw() {
    if (!isPainting) paint();
  },
  text(game) {
    switch (game.phase) {
      case "rest": return `rest, trial ${game.trial} is next`;
      case "waiting": return "waiting for a gesture";
      case "play": return `rally ${game.trial}, hits: ${game.score.rally ?? 0}`;
      case "feedback": return "missed: the culture gets its feedback";
      default: return null;
    }
  },
  trouble: () => "", // its stimuli are not numbered by trial
};
