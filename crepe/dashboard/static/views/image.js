// A game that shows pictures, such as an environment. State from crepe/dashboard/views/image.py.

import { byId, element, onFrame, page, seconds } from "../state.js";

const RESPONSE_S = 2.5;
let newest = null; // rows of red, green, blue; [n_rows, 3 * n_columns]
let caption = "";
let session = "";

function paint() {
  const canvas = byId("image");
  if (!canvas || !newest) return;
  const { data, shape: [height, width3] } = newest;
  const width = width3 / 3;
  canvas.hidden = !height || !width;
  if (canvas.hidden) return;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const pixels = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i += 1) pixels.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

onFrame(({ about, caption: text }, { image: picture }) => {
  if (about && about.session !== session) {
    session = about.session;
    newest = null;
    caption = "";
  }
  if (text === undefined) return; // no newer one
  caption = text;
  newest = picture ?? null;
  paint();
});

export const image = {
  name: "image",
  shows: ["image"],
  outcomes: { steps: "steps in this episode" },
  columns: ["episode", "steps", "return", "end"],
  row: ({ trial, steps, value, outcome }) => [trial, steps, value?.toFixed(2), outcome],
  responseHint: "spikes of all channels in bins of 20 ms; orange: stimulus",
  responseFrom: () => seconds(page.now) - RESPONSE_S, // there are no single responses: it rolls
  build() {
    const canvas = element("canvas"), text = element("p", "", "hint");
    const picture = element("figure");
    canvas.id = "image";
    text.id = "image-caption";
    picture.append(canvas, text);
    return { picture, controls: [], footer: [] };
  },
  draw() {
    const text = byId("image-caption");
    if (text.textContent !== caption) text.textContent = caption;
    const canvas = byId("image");
    if (canvas.width === 300 && canvas.height === 150) paint(); // just built
  },
  text(game) {
    switch (game.phase) {
      case "rest": return `rest, episode ${game.trial + 1} is next`;
      case "play": return `episode ${game.trial}`;
      case "feedback": return "the culture gets its feedback";
      default: return null;
    }
  },
  trouble: () => "", // its stimuli are not numbered by trial
};
