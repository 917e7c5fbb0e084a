// What the page knows, and the connection that it knows it from.

import { unpack } from "./frame.js";

const replayed = location.pathname.match(/^\/replay\/([^/]+)$/);

export const page = {
  replay: replayed ? decodeURIComponent(replayed[1]) : null,
  client: sessionStorage.client || (sessionStorage.client = crypto.getRandomValues(new Uint32Array(3)).join("-")),
  about: null, events: null, trains: new Map(), more: {}, now: 0, court: null, rates: null,
  connected: false, heardAt: performance.now(),
  tab: "live",
};

const NOTHING_TO_REPLAY = 4004; // as in crepe/dashboard/routes.py
const listeners = [];
export const onFrame = (told) => listeners.push(told);

let socket = null;
let wish = {};

export function ask(words) {
  wish = { ...wish, ...words };
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(wish));
}

export function say(words) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(words));
}

export function connect(waitMs = 500) {
  const path = page.replay ? `/replay/${encodeURIComponent(page.replay)}/frames` : `/live?client=${page.client}`;
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    page.connected = true;
    waitMs = 500;
    socket.send(JSON.stringify(wish));
  };
  socket.onmessage = ({ data }) => {
    const { head, arrays } = unpack(data);
    page.heardAt = performance.now();
    page.now = head.now;
    if (head.about) {
      if (page.about?.session !== head.about.session) page.trains.clear();
      page.about = head.about;
    }
    for (const [number, first, lastsS] of head.trains ?? []) page.trains.set(number, [first / page.about.rate_hz, lastsS]);
    for (const [number, [from]] of page.trains) {
      if (from > page.now / page.about.rate_hz - 61) break;
      page.trains.delete(number);
    }
    if (head.events) page.events = head.events;
    if (head.more) page.more = head.more;
    if (head.court) page.court = head.court;
    if (arrays.rates_hz) page.rates = arrays.rates_hz.data;
    for (const told of listeners) told(head, arrays);
    say({ got: true }); // the next one is made only now
  };
  socket.onclose = ({ code }) => {
    page.connected = false;
    if (code !== NOTHING_TO_REPLAY) setTimeout(() => connect(Math.min(2 * waitMs, 5000)), waitMs);
  };
}

export async function post(path, words = {}) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CREPE": "1" },
      body: JSON.stringify(words),
    });
    const said = await answer.json();
    return answer.ok ? said : { reason: said.reason || `status ${answer.status}` };
  } catch (error) {
    return { reason: `the page's server cannot be reached (${error.message})` };
  }
}

export const seconds = (sample) => sample / page.about.rate_hz;
// When a train of pulses began, in seconds of the session; 0 if it has not.
export function began(one) {
  const at = one.fired || (one.state === "intended" ? one.due : 0);
  return at && at <= page.now ? seconds(at) : 0;
}

export const byId = (id) => document.getElementById(id);
export const isOperator = () => page.more.role === "operator";

export function element(tag, text = "", kind = "") {
  const made = document.createElement(tag);
  if (text !== "") made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
