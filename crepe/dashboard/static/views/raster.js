// Raster and population rate. State from crepe/dashboard/views/raster.py.

import { chart, css, overTime, shade } from "../chart.js";
import { Ring, rowsOf } from "../frame.js";
import { onFrame, page, seconds } from "../state.js";

// A minute of bins of 20 ms, as the server keeps it.
const MOST_BINS = 3000;
let counts = null;
export const rasterView = { windowS: 30 };

onFrame((head, arrays) => {
  if (!head.raster) return;
  const key = `${page.about.session} ${head.raster.bin_samples}`;
  // A replay that is moved back ends before what the rings hold; they begin anew.
  if (counts?.key !== key || head.raster.stop < counts.rate.stop) counts = { key, rows: new Ring(MOST_BINS), rate: new Ring(MOST_BINS) };
  counts.bin_samples = head.raster.bin_samples;
  counts.rows.add(head.raster.first, head.raster.stop, rowsOf(arrays.raster));
  counts.rate.add(head.raster.first, head.raster.stop, [arrays.population_hz.data]);
});

const image = document.createElement("canvas"); // one pixel for each bin and row

function paintRaster(u) {
  const n = counts?.rows.rows.length;
  if (!n) return;
  const { left, top, width, height } = u.bbox;
  const binS = counts.bin_samples / page.about.rate_hz;
  const { min, max } = u.scales.x;
  const first = Math.floor(min / binS), last = Math.floor(max / binS);
  const wide = Math.max(1, Math.min(last - first, Math.floor(width)));
  image.width = wide;
  image.height = n;
  const ctx = image.getContext("2d");
  const pixels = ctx.createImageData(wide, n);
  const [red, green, blue] = css("--text").match(/\w\w/g).map((x) => parseInt(x, 16));
  const { rows, numbers, n: kept } = counts.rows;
  for (let c = first; c < last; c++) {
    if (c < 0 || numbers[c % kept] !== c) continue;
    const x = Math.floor(((c - first) * wide) / (last - first));
    for (let r = 0; r < n; r++) {
      const count = rows[r][c % kept];
      if (!count) continue;
      const at = 4 * (r * wide + x);
      pixels.data[at] = red;
      pixels.data[at + 1] = green;
      pixels.data[at + 2] = blue;
      pixels.data[at + 3] = Math.max(pixels.data[at + 3], Math.min(255, 150 + 50 * count));
    }
  }
  ctx.putImageData(pixels, 0, 0);
  u.ctx.save();
  u.ctx.imageSmoothingEnabled = false;
  u.ctx.drawImage(image, left, top, width, height);
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
