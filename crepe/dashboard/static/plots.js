// Plots over the session's time: traces, raster, population rate. uPlot draws axes and lines.

import { Ring, rowsOf } from "./frame.js";
import { byId, onFrame, page, seconds } from "./state.js";

let colours = {}; // of this theme; asking for one costs the browser a look at every style
export const css = (name) => colours[name] ??= getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const charts = [];

export function chart(id, options, makeData) {
  const place = byId(id);
  const one = { plot: null, data: null };
  const make = () => {
    one.plot?.destroy();
    place.replaceChildren();
    const box = place.getBoundingClientRect();
    if (box.width < 50 || box.height < 40) { one.plot = null; return; }
    const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") }, font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif", labelSize: 16 };
    const { xLabel, yLabel, yAxis, xAxis, ...rest } = options();
    one.plot = new uPlot({
      width: Math.floor(box.width), height: Math.floor(box.height), pxAlign: false,
      legend: { show: false }, cursor: { show: false }, padding: [6, 8, 0, 0],
      axes: [{ ...axis, label: xLabel, size: 28, ...xAxis }, { ...axis, label: yLabel, size: 46, ...yAxis }],
      ...rest,
    }, makeData(), place);
  };
  one.draw = () => {
    if (document.hidden || !place.offsetParent) return;
    if (!one.plot) make();
    one.plot?.setData(makeData());
  };
  one.remake = () => { one.plot?.destroy(); one.plot = null; };
  new ResizeObserver(one.remake).observe(place);
  charts.push(one);
  return one;
}

export function remakeCharts() {
  colours = {};
  charts.forEach((one) => one.remake());
}

// Hatched, so that what is missing differs from a stimulus by more than its colour.
function hatched(ctx) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.strokeStyle = css("--red");
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const x of [-8, 0, 8]) { pen.moveTo(x, 8); pen.lineTo(x + 8, 0); }
  pen.stroke();
  return ctx.createPattern(tile, "repeat");
}

// What was done to the culture and what is missing, behind a plot over time.
function shade(u) {
  const { left, top, width, height } = u.bbox;
  const { min, max } = u.scales.x;
  const paint = (from, to, colour) => {
    if (to < min || from > max) return;
    const a = Math.max(left, u.valToPos(from, "x", true));
    const b = Math.min(left + width, u.valToPos(to, "x", true));
    u.ctx.fillStyle = colour;
    u.ctx.fillRect(a, top, Math.max(1, b - a), height);
  };
  const events = page.events;
  u.ctx.save();
  for (const trial of [...(events?.trials ?? []), ...(events?.game ? [events.game] : [])]) {
    const { response, outcome } = trial.phases ?? {};
    if (response) paint(seconds(response), seconds(outcome > response ? outcome : page.now), css("--response"));
  }
  let [begun, ended] = [0, -1]; // trains that touch are one area
  for (const [from, lastsS] of page.trains.values()) {
    if (from > seconds(page.now)) continue;
    if (from > ended + 0.02) {
      if (ended > begun) paint(begun, ended, css("--stim"));
      begun = from;
    }
    ended = Math.max(ended, from + lastsS);
  }
  if (ended > begun) paint(begun, ended, css("--stim"));
  const missing = (page.more.gaps ?? []).filter(([, stop]) => seconds(stop) >= min);
  const hatch = missing.length ? hatched(u.ctx) : "";
  for (const [start, stop] of missing) paint(seconds(start), seconds(stop), hatch);
  u.ctx.restore();
}

const overTime = (windowS, yRange) => ({
  scales: { x: { time: false, auto: false, range: () => { const now = page.about ? seconds(page.now) : 0; const from = Math.max(0, now - windowS()); return [from, Math.max(now, from + windowS())]; } }, y: { auto: false, range: yRange } },
  xLabel: "session time (s)",
});

// Traces

let traces = null; // of the last frame, with rings
let lane = 100;
const MOST_WITH_THRESHOLDS = 16; // more dashes would hide the traces

export const tracesView = { windowS: 5, channels: [] };

onFrame((head, arrays) => {
  if (!head.traces) return;
  const key = JSON.stringify([head.traces.stream, head.traces.channels, head.traces.column_samples, page.about.session]);
  if (traces?.key !== key) traces = { key, low: new Ring(head.traces.n_columns), high: new Ring(head.traces.n_columns), spikes: [] };
  Object.assign(traces, head.traces);
  traces.low.add(head.traces.first, head.traces.stop, rowsOf(arrays.low));
  traces.high.add(head.traces.first, head.traces.stop, rowsOf(arrays.high));
  const { place, sample } = head.spikes ?? { place: [], sample: [] };
  place.forEach((at, i) => traces.spikes.push([at, sample[i]]));
  const since = page.now - 11 * page.about.rate_hz;
  while (traces.spikes.length && traces.spikes[0][1] < since) traces.spikes.shift();
});

function nice(uv) {
  const power = 10 ** Math.floor(Math.log10(Math.max(uv, 1)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= uv);
}

function tracesData() {
  const n = traces?.channels.length ?? 0;
  if (!n) return [[0], [null]];
  const first = Math.max(0, traces.stop - traces.n_columns);
  let largest = [];
  const columns = [[]];
  for (let c = first; c < traces.stop; c++) {
    const at = ((c + 0.5) * traces.column_samples) / page.about.rate_hz;
    columns[0].push(at, at);
  }
  for (let r = 0; r < n; r++) {
    const row = [];
    let most = 0;
    for (let c = first; c < traces.stop; c++) {
      const low = traces.low.get(r, c), high = traces.high.get(r, c);
      row.push(low, high);
      if (low !== null) most = Math.max(most, -low, high);
    }
    largest.push(most);
    columns.push(row);
  }
  largest.sort((a, b) => a - b);
  lane = nice(1.3 * (largest[Math.floor(largest.length / 2)] || 20));
  for (let r = 0; r < n; r++) {
    const middle = (n - 1 - r) * lane;
    const row = columns[r + 1];
    for (let i = 0; i < row.length; i++) if (row[i] !== null) row[i] += middle;
  }
  byId("traces-scale").textContent = `${lane} µV between lines; minimum and maximum of ${(1000 * traces.column_samples / page.about.rate_hz).toPrecision(2)} ms; ${n <= MOST_WITH_THRESHOLDS && traces.thresholds_uv.some((uv) => uv !== null) ? "dashes: threshold; " : ""}dots: spikes`;
  return columns;
}

function marks(u) {
  if (!traces) return;
  const { left, width } = u.bbox;
  const n = traces.channels.length;
  const y = (r, uv) => u.valToPos((n - 1 - r) * lane + uv, "y", true);
  u.ctx.save();
  u.ctx.strokeStyle = css("--red");
  u.ctx.globalAlpha = 0.7;
  u.ctx.setLineDash([4, 4]);
  u.ctx.beginPath();
  if (n <= MOST_WITH_THRESHOLDS) traces.thresholds_uv.forEach((uv, r) => {
    if (uv === null) return;
    u.ctx.moveTo(left, y(r, uv));
    u.ctx.lineTo(left + width, y(r, uv));
  });
  u.ctx.stroke();
  u.ctx.globalAlpha = 1;
  u.ctx.fillStyle = css("--orange");
  const size = n > 16 ? 2 : 4;
  for (const [r, sample] of traces.spikes) {
    const at = u.valToPos(seconds(sample), "x", true);
    if (at > left && at < left + width) u.ctx.fillRect(at - size / 2, y(r, -0.45 * lane), size, size);
  }
  u.ctx.restore();
}

export const tracesChart = chart("traces", () => {
  const n = traces?.channels.length ?? 1;
  const label = (r) => page.about?.labels[traces?.channels[r]] ?? "";
  const every = Math.ceil(n / 32);
  return {
    ...overTime(() => tracesView.windowS, () => [-0.6 * lane, (n - 0.4) * lane]),
    yLabel: "electrode",
    yAxis: { grid: { show: false }, splits: () => Array.from({ length: n }, (_, r) => (n - 1 - r) * lane), values: () => Array.from({ length: n }, (_, r) => (r % every ? "" : label(r))) },
    series: [{}, ...Array.from({ length: n }, () => ({ stroke: css("--blue"), width: 1, points: { show: false }, spanGaps: false }))],
    hooks: { drawClear: [shade], draw: [marks] },
  };
}, tracesData);

let drawnKey = "";
export function drawTraces() {
  if (traces && traces.key !== drawnKey) {
    drawnKey = traces.key;
    tracesChart.remake();
  }
  tracesChart.draw();
}

// Raster and population rate

const MOST_BINS = 3000;
let counts = null;
export const rasterView = { windowS: 30 };

onFrame((head, arrays) => {
  if (!head.raster) return;
  const key = `${page.about.session} ${head.raster.bin_samples}`;
  if (counts?.key !== key || head.raster.stop < counts.rate.stop) counts = { key, rows: new Ring(MOST_BINS), rate: new Ring(MOST_BINS) };
  counts.bin_samples = head.raster.bin_samples;
  counts.rows.add(head.raster.first, head.raster.stop, rowsOf(arrays.raster));
  counts.rate.add(head.raster.first, head.raster.stop, [arrays.population_hz.data]);
});

const picture = document.createElement("canvas");

function paintRaster(u) {
  const n = counts?.rows.rows.length;
  if (!n) return;
  const { left, top, width, height } = u.bbox;
  const binS = counts.bin_samples / page.about.rate_hz;
  const { min, max } = u.scales.x;
  const first = Math.floor(min / binS), last = Math.floor(max / binS);
  const wide = Math.max(1, Math.min(last - first, Math.floor(width)));
  picture.width = wide;
  picture.height = n;
  const ctx = picture.getContext("2d");
  const image = ctx.createImageData(wide, n);
  const [red, green, blue] = css("--text").match(/\w\w/g).map((x) => parseInt(x, 16));
  const { rows, numbers, n: kept } = counts.rows;
  for (let c = first; c < last; c++) {
    if (c < 0 || numbers[c % kept] !== c) continue;
    const x = Math.floor(((c - first) * wide) / (last - first));
    for (let r = 0; r < n; r++) {
      const count = rows[r][c % kept];
      if (!count) continue;
      const at = 4 * (r * wide + x);
      image.data[at] = red;
      image.data[at + 1] = green;
      image.data[at + 2] = blue;
      image.data[at + 3] = Math.max(image.data[at + 3], Math.min(255, 150 + 50 * count));
    }
  }
  ctx.putImageData(image, 0, 0);
  u.ctx.save();
  u.ctx.imageSmoothingEnabled = false;
  u.ctx.drawImage(picture, left, top, width, height);
  u.ctx.restore();
}

export const rasterChart = chart("raster", () => {
  const n = counts?.rows.rows.length || 1;
  const channels = page.about?.labels.length || n;
  return {
    ...overTime(() => rasterView.windowS, () => [0, n]),
    yLabel: "channel",
    yAxis: { grid: { show: false }, splits: () => [0, 0.25, 0.5, 0.75, 1].map((part) => part * n), values: (_, at) => at.map((v) => Math.round((1 - v / n) * channels)) },
    series: [{}, { show: false }],
    hooks: { drawClear: [shade], draw: [paintRaster] },
  };
}, () => [[0], [0]]);

// Spikes per second and channel in bins of `together` short ones, between two sample indices.
export function population(fromS, toS, together) {
  if (!counts) return [[0], [null]];
  const binS = counts.bin_samples / page.about.rate_hz;
  const xs = [], ys = [];
  for (let c = Math.floor(fromS / binS / together) * together; (c + together) * binS <= toS; c += together) {
    let sum = 0, n = 0;
    for (let i = 0; i < together; i++) {
      const value = counts.rate.get(0, c + i);
      if (value !== null) { sum += value; n++; }
    }
    xs.push((c + together / 2) * binS);
    ys.push(n ? sum / n : null);
  }
  return [xs, ys];
}

export const rateChart = chart("rate", () => ({
  ...overTime(() => rasterView.windowS, (_, low, high) => [0, Math.max(5, high * 1.1 || 5)]),
  scales: { x: overTime(() => rasterView.windowS).scales.x, y: { range: (_, low, high) => [0, Math.max(5, (high || 0) * 1.1)] } },
  yLabel: "rate (Hz)",
  series: [{}, { stroke: css("--green"), width: 1.5, points: { show: false } }],
  hooks: { drawClear: [shade] },
}), () => population(seconds(page.now) - rasterView.windowS, seconds(page.now), 5));

// The response to the trial that goes on, on the game's view

let responseFrom = 0;
const RESPONSE_S = 2.5;

export function followResponse() {
  const at = [page.events?.game, page.events?.trials?.at(-1)].find((one) => one?.phases?.stimulation)?.phases.stimulation;
  if (page.about.has_court) responseFrom = seconds(page.now) - RESPONSE_S;
  else if (at) responseFrom = seconds(at) - 0.25;
}

export const responseChart = chart("response", () => ({
  scales: { x: { time: false, auto: false, range: () => [responseFrom, responseFrom + RESPONSE_S] }, y: { range: (_, low, high) => [0, Math.max(10, (high || 0) * 1.1)] } },
  xLabel: "session time (s)", yLabel: "Hz per channel",
  series: [{}, { stroke: css("--green"), fill: css("--response"), width: 1.5, points: { show: false } }],
  hooks: { drawClear: [shade] },
}), () => population(responseFrom, Math.min(responseFrom + RESPONSE_S, page.about ? seconds(page.now) : 0), 1));
