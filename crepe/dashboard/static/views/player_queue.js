// The form to join the player queue, and the queue as this browser sees it.

import { element, page, post } from "../state.js";

// Returns its elements; `onAnswer` receives why the server refused, or "".
export function queueForm(onAnswer) {
  const form = element("form", "", "operate");
  const row = element("div", "", "gestures");
  const state = element("p"), input = element("input"), button = element("button");
  input.placeholder = "your name";
  input.maxLength = 40;
  input.value = localStorage.crepeName || "";
  input.oninput = () => { localStorage.crepeName = input.value; };
  form.onsubmit = async (event) => {
    event.preventDefault();
    input.blur();
    const fields = { client: page.client, name: input.value.trim() || "somebody", wants: page.slow.queue.place === null };
    onAnswer((await post("/api/queue", fields)).reason ?? "");
  };
  row.append(input, button);
  form.append(state, row);
  return { form, state, input, button };
}

export function drawQueue({ state, input, button }) {
  const { place, name, waiting, is_taken: isTaken } = page.slow.queue ?? { place: null, waiting: [] };
  input.hidden = place !== null;
  button.disabled = !page.connected;
  if (place === 0) {
    state.textContent = waiting.length ? `You play; waiting: ${waiting.join(", ")}.` : "You play.";
    button.textContent = waiting.length ? "Hand over" : "Stop playing";
  } else if (place !== null) {
    state.textContent = `${name} plays; you are number ${place + 1} in the queue.`;
    button.textContent = "Leave the queue";
  } else {
    state.textContent = isTaken ? `${name} plays.` : "The player queue is empty.";
    button.textContent = isTaken ? "Join the queue" : "Start playing";
  }
}
