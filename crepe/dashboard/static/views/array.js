// The array from above: colour is the firing rate, a ring is a stimulus, a frame is a selection,
// a stroke a channel that is dead, saturated or settling.
// State from crepe/dashboard/views/array.py.

import { css } from "../chart.js";
import { began, byId, onFrame, page, seconds } from "../state.js";

// About as cividis (Nuñez et al. 2018) runs: from blue over grey to yellow.
const COLOURS = [[0, 34, 78], [18, 53, 112], [64, 81, 109], [104, 106, 112], [145, 140, 120], [196, 176, 102], [254, 232, 56]];
const MOST_LISTED = 128; // electrodes without a position; more are shown as squares without a name
const TICKS_HZ = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
let most = 10; // Hz, at the light end
let cells = [];
let rates = null; // Hz, by channel

onFrame((head, arrays) => {
  if (head.about) rates = null;
  if (arrays.rates_hz) rates = arrays.rates_hz.data;
});

export function colour(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (COLOURS.length - 1);
  const [a, b] = [COLOURS[Math.floor(at)], COLOURS[Math.floor(at) + 1]];
  return a.map((v, i) => Math.round(v + (b[i] - v) * (at % 1)));
}

const part = (hz) => Math.log1p(hz) / Math.log1p(most); // of the way from dark to light

function drawScale() {
  const canvas = byId("array-scale");
  const width = Math.round(canvas.clientWidth * devicePixelRatio), height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
  const ctx = canvas.getContext("2d");
  ctx.clearRect(0, 0, width, height);
  const bar = 0.4 * height;
  for (let x = 0; x < width; x++) {
    ctx.fillStyle = `rgb(${colour(x / width)})`;
    ctx.fillRect(x, 0, 1, bar);
  }
  ctx.fillStyle = css("--dim");
  ctx.font = `${Math.round(11 * devicePixelRatio)}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  for (const hz of TICKS_HZ.filter((tick) => tick <= most)) {
    const x = part(hz) * (width - 1);
    ctx.textAlign = x < 10 ? "left" : x > width - 20 ? "right" : "center";
    ctx.fillRect(Math.min(x, width - 1), bar, 1, 0.12 * height);
    ctx.fillText(hz, x, height);
  }
}

// Column and row of each electrode: its rank where the positions form a grid, else its place in
// units of the smallest distance. Electrodes without a position follow below, in order.
function gridOf(at) {
  const known = at.filter((position) => position);
  const xs = [...new Set(known.map(([x]) => x))].sort((a, b) => a - b);
  const ys = [...new Set(known.map(([, y]) => y))].sort((a, b) => a - b);
  let place = ([x, y]) => [xs.indexOf(x), ys.indexOf(y)];
  if (xs.length * ys.length > 4 * known.length) {
    let least = Infinity;
    known.forEach(([x, y], i) => { for (let k = 0; k < i; k++) least = Math.min(least, Math.hypot(x - known[k][0], y - known[k][1]) || Infinity); });
    place = ([x, y]) => [(x - xs[0]) / least, (y - ys[0]) / least];
  }
  const places = at.map((position) => position && place(position));
  const columns = Math.max(1, ...places.filter((cell) => cell).map(([x]) => x + 1));
  const rows = Math.max(0, ...places.filter((cell) => cell).map(([, y]) => y + 1));
  const n = at.length - known.length;
  const across = known.length ? Math.max(1, Math.floor(columns)) : Math.ceil(Math.sqrt(n));
  let next = 0;
  const all = places.map((cell) => cell ?? [next % across, rows + Math.floor(next++ / across)]);
  return { all, side: Math.max(columns, across, rows + Math.ceil(n / across)) };
}

// Where no position is known: lines of a square and a label, in columns of at most 32.
function listOf(n, width) {
  const columns = Math.ceil(n / 32), rows = Math.ceil(n / columns);
  const size = Math.min(width / rows, 0.08 * width), w = width / columns;
  return Array.from({ length: n }, (_, c) => ({ x: Math.floor(c / rows) * w, y: (c % rows) * size, size, w }));
}

function place(canvas) {
  const { positions_um: at } = page.about;
  const n = at.filter((position) => !position).length;
  if (n === at.length && n <= MOST_LISTED) {
    cells = listOf(n, canvas.width);
    cells.isList = true;
  } else {
    const { all, side } = gridOf(at);
    const size = canvas.width / side;
    cells = all.map(([x, y]) => ({ x: x * size, y: y * size, size, w: size }));
    cells.isList = false;
  }
  cells.unknown = n === 0 ? "" : n === at.length ? `positions not known: ${cells.isList ? "a list of the electrodes" : "electrodes"} in the order of the channels` : `the positions of the last ${n} are not known`;
  cells.key = `${page.about.session} ${at.length} ${canvas.width}`;
}

function stimulated() {
  const labels = new Set();
  const now = seconds(page.now);
  for (const stimulus of page.events?.stimuli ?? []) {
    const from = began(stimulus);
    if (from && now >= from && now <= from + stimulus.lasts_s + 0.15) stimulus.electrodes.forEach((label) => labels.add(label));
  }
  return labels;
}

// Channels that are dead, saturated or settling, which are crossed out.
function notOk(states, labels) {
  const byState = {};
  states.forEach((state, c) => { if (state) (byState[state] ??= []).push(labels[c]); });
  return Object.entries(byState).map(([state, names]) => `${state}: ${names.length > 8 ? `${names.length} channels` : names.join(", ")}`).join("; ");
}

export function drawArray(selected) {
  const canvas = byId("array");
  if (!page.about?.labels.length || !canvas.offsetParent || document.hidden) return;
  const width = Math.round(canvas.clientWidth * devicePixelRatio);
  if (canvas.width !== width) canvas.width = canvas.height = width;
  if (cells.key !== `${page.about.session} ${page.about.labels.length} ${width}`) place(canvas);
  const shown = rates ?? new Float32Array(cells.length);
  let highest = 0;
  for (const rate of shown) highest = Math.max(highest, rate);
  most = Math.max(10, highest, 0.98 * most);
  const ctx = canvas.getContext("2d");
  ctx.clearRect(0, 0, width, width);
  const pulsed = stimulated();
  const chosen = new Set(selected);
  const { labels, is_recording: records } = page.about;
  const states = page.slow.channel_states ?? [];
  cells.forEach(({ x, y, size, w }, c) => {
    const room = size > 12 ? 0.06 * size : 0;
    const rgb = colour(part(shown[c]));
    ctx.fillStyle = records[c] ? `rgb(${rgb})` : css("--line");
    ctx.fillRect(x + room, y + room, size - 2 * room, size - 2 * room);
    if (cells.isList) {
      ctx.fillStyle = css("--text");
      ctx.font = `${Math.round(0.6 * size)}px system-ui, sans-serif`;
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      ctx.fillText(labels[c], x + 1.3 * size, y + size / 2, w - 1.5 * size);
    } else if (size > 24 * devicePixelRatio) {
      ctx.fillStyle = !records[c] ? css("--dim") : rgb[0] + rgb[1] + rgb[2] > 340 ? "#111" : "#e8eef4";
      ctx.font = `${Math.round(Math.min(0.3, 1.4 / labels[c].length) * size)}px system-ui, sans-serif`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(records[c] ? labels[c] : "ref", x + size / 2, y + size / 2);
    }
    if (states[c]) {
      ctx.strokeStyle = css("--dim");
      ctx.lineWidth = Math.max(1, 0.04 * size);
      ctx.beginPath();
      ctx.moveTo(x + room, y + room);
      ctx.lineTo(x + size - room, y + size - room);
      ctx.stroke();
    }
    const isPulsed = pulsed.has(labels[c]);
    if (isPulsed || chosen.has(c)) {
      ctx.strokeStyle = isPulsed ? css("--orange") : css("--blue");
      ctx.lineWidth = Math.max(1.5, (isPulsed ? 0.12 : 0.06) * size);
      const in_ = room + ctx.lineWidth / 2;
      ctx.strokeRect(x + in_, y + in_, size - 2 * in_, size - 2 * in_);
    }
  });
  drawScale();
  const places = [...pulsed];
  byId("array-hint").textContent = places.length ? `stimulated now: ${places.join(", ")}` : [notOk(states, labels), cells.unknown].filter((text) => text).join("; ") || "click electrodes to choose whose traces are shown";
}

export function channelAt(event) {
  const box = event.target.getBoundingClientRect();
  const scale = event.target.width / box.width;
  const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
  return cells.findIndex((cell) => x >= cell.x && x < cell.x + cell.w && y >= cell.y && y < cell.y + cell.size);
}
