// Charts by uPlot, in the page's colours, and what is shaded behind those over session time.

import { byId, page, seconds } from "./state.js";

let colours = {}; // of this theme; looking one up makes the browser recompute every style
export const css = (name) => colours[name] ??= getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const charts = [];

// A chart in the element `id`, which need not exist before the first `draw`.
export function chart(id, options, makeData) {
  const self = { plot: null };
  let place = null;
  const make = () => {
    self.plot?.destroy();
    place.replaceChildren();
    const box = place.getBoundingClientRect();
    if (box.width < 50 || box.height < 40) { self.plot = null; return; }
    const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") }, font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif", labelSize: 16 };
    const { xLabel, yLabel, yAxis, xAxis, ...rest } = options();
    self.plot = new uPlot({
      width: Math.floor(box.width), height: Math.floor(box.height), pxAlign: false,
      legend: { show: false }, cursor: { show: false }, padding: [6, 8, 0, 0],
      axes: [{ ...axis, label: xLabel, size: 28, ...xAxis }, { ...axis, label: yLabel, size: 46, ...yAxis }],
      ...rest,
    }, makeData(), place);
  };
  self.draw = () => {
    if (!place) {
      place = byId(id);
      new ResizeObserver(self.remake).observe(place);
    }
    if (document.hidden || !place.offsetParent) return;
    if (!self.plot) make();
    // uPlot asks for a range that is not automatic when a chart is made, and no more.
    self.plot?.batch(() => {
      self.plot.setData(makeData());
      const { auto, range } = self.plot.scales.y;
      if (!auto(self.plot, false)) {
        const [min, max] = range(self.plot, null, null, "y");
        self.plot.setScale("y", { min, max });
      }
    });
  };
  self.remake = () => { self.plot?.destroy(); self.plot = null; };
  charts.push(self);
  return self;
}

export function remakeCharts() {
  colours = {};
  charts.forEach((each) => each.remake());
}

// Hatched, so that missing samples differ from a stimulus by more than their colour.
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

// Stimuli, responses and missing samples, behind a plot over time.
export function shade(u) {
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
  const missing = (page.slow.gaps ?? []).filter(([, stop]) => seconds(stop) >= min);
  const hatch = missing.length ? hatched(u.ctx) : "";
  for (const [start, stop] of missing) paint(seconds(start), seconds(stop), hatch);
  u.ctx.restore();
}

export const overTime = (windowS, yRange) => ({
  scales: { x: { time: false, auto: false, range: () => { const now = page.about ? seconds(page.now) : 0; const from = Math.max(0, now - windowS()); return [from, Math.max(now, from + windowS())]; } }, y: { auto: false, range: yRange } },
  xLabel: "session time (s)",
});
