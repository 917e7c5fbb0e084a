// Voltage traces of the chosen channels. State from crepe/dashboard/views/traces.py.

import { chart, css, overTime, shade } from "../chart.js";
import { Ring, rowsOf } from "../frame.js";
import { byId, onFrame, page, seconds } from "../state.js";

let traces = null; // of the last frame, with rings
let lane = 100;
const MOST_WITH_THRESHOLDS = 16; // more dashes would hide the traces

export const tracesView = { windowS: 5 };

onFrame((head, arrays) => {
  if (!head.traces) return;
  const key = JSON.stringify([head.traces.stream, head.traces.channels, head.traces.column_samples, page.about.session]);
  if (traces?.key !== key) traces = { key, low: new Ring(head.traces.n_columns), high: new Ring(head.traces.n_columns), spikes: [] };
  Object.assign(traces, head.traces);
  traces.low.add(head.traces.first, head.traces.stop, rowsOf(arrays.low));
  traces.high.add(head.traces.first, head.traces.stop, rowsOf(arrays.high));
  const { place, sample } = head.spikes ?? { place: [], sample: [] };
  place.forEach((at, i) => traces.spikes.push([at, sample[i]]));
  // The longest window is 10 s.
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
    // Minimum and maximum are at the same x, so that the line between them is upright.
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
  const begins = columns[1][0] === null && first > 0; // the samples before are not sent again
  byId("traces-scale").textContent = `${lane} µV between lines; minimum and maximum of ${(1000 * traces.column_samples / page.about.rate_hz).toPrecision(2)} ms; ${n <= MOST_WITH_THRESHOLDS && traces.thresholds_uv.some((uvs) => uvs.length) ? "dashes: threshold; " : ""}dots: spikes${begins ? "; shown since they were chosen" : ""}`;
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
  if (n <= MOST_WITH_THRESHOLDS) traces.thresholds_uv.forEach((uvs, r) => uvs.forEach((uv) => {
    u.ctx.moveTo(left, y(r, uv));
    u.ctx.lineTo(left + width, y(r, uv));
  }));
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

const tracesChart = chart("traces", () => {
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
