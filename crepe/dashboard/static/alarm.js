// The line under the header: results of STOP, and commands that were not carried out.

import { byId } from "./state.js";

export function alarm(text, isDone = false) {
  const box = byId("alarm");
  box.hidden = !text;
  box.textContent = text;
  box.classList.toggle("done", isDone);
}
