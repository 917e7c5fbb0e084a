// The bar under a replay: position and speed.

import { byId, element, page, send } from "./state.js";

let isHeld = false; // the slider is being moved, and must not jump back

byId("replay-at").oninput = () => { isHeld = true; };
byId("replay-at").onchange = ({ target }) => { send({ seek_s: Number(target.value) }); isHeld = false; };
byId("replay-play").onclick = () => send({ is_playing: !page.slow.replay?.is_playing });
byId("replay-speed").onchange = ({ target }) => send({ speed: Number(target.value) });

export function drawTimebar() {
  const replay = page.slow.replay;
  byId("timebar").hidden = !replay;
  if (!replay) return;
  const bar = byId("replay-at");
  bar.max = replay.length_s;
  if (!isHeld) bar.value = replay.at_s;
  byId("replay-play").textContent = replay.is_playing ? "Pause" : "Play";
  byId("replay-text").textContent = `${replay.at_s.toFixed(1)} of ${replay.length_s.toFixed(1)} s`;
  const speeds = byId("replay-speed");
  if (!speeds.options.length) {
    speeds.replaceChildren(...replay.speeds.map((speed) => {
      const option = element("option", `${speed} x`);
      option.value = speed;
      return option;
    }));
  }
  if (document.activeElement !== speeds) speeds.value = replay.speed;
}
