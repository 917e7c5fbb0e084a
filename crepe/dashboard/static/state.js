// The page's state, and the connection to the server that it comes from.

import { unpack } from "./frame.js";

const replayed = location.pathname.match(/^\/replay\/([^/]+)$/);

export const page = {
  replay: replayed ? decodeURIComponent(replayed[1]) : null,
  // In sessionStorage: each tab is a player of its own, and stays one when it is loaded again.
  client: sessionStorage.client || (sessionStorage.client = crypto.getRandomValues(new Uint32Array(3)).join("-")),
  about: null, events: null, trains: new Map(), slow: {}, now: 0,
  connected: false, receivedAt: performance.now(),
};

const NOTHING_TO_REPLAY = 4004; // as in crepe/dashboard/routes.py
const listeners = [];
export const onFrame = (listener) => listeners.push(listener);

let socket = null;
let shown = {}; // views and their options; sent again after a lost connection

export function request(fields) {
  shown = { ...shown, ...fields };
  send(shown);
}

export function send(fields) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(fields));
}

export function connect(waitMs = 500) {
  const path = page.replay ? `/replay/${encodeURIComponent(page.replay)}/frames` : `/live?client=${page.client}`;
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    page.connected = true;
    waitMs = 500;
    send(shown);
  };
  socket.onmessage = ({ data }) => {
    const { head, arrays } = unpack(data);
    page.receivedAt = performance.now();
    page.now = head.now;
    if (head.about) {
      if (page.about?.session !== head.about.session) page.trains.clear();
      page.about = head.about;
    }
    for (const [number, first, lastsS] of head.trains ?? []) page.trains.set(number, [first / page.about.rate_hz, lastsS]);
    // A Map keeps the order of insertion, so the first train that is young enough ends the loop.
    for (const [number, [from]] of page.trains) {
      if (from > page.now / page.about.rate_hz - 61) break;
      page.trains.delete(number);
    }
    if (head.events) page.events = head.events;
    if (head.more) page.slow = head.more;
    for (const listener of listeners) listener(head, arrays);
    send({ got: true }); // the server makes the next frame only now
  };
  socket.onclose = ({ code }) => {
    page.connected = false;
    if (code !== NOTHING_TO_REPLAY) setTimeout(() => connect(Math.min(2 * waitMs, 5000)), waitMs);
  };
}

export async function post(path, fields = {}) {
  try {
    const response = await fetch(path, {
      method: "POST",
      // Required by the server, because a form of another site cannot send them.
      headers: { "Content-Type": "application/json", "X-CREPE": "1" },
      body: JSON.stringify(fields),
    });
    const answer = await response.json();
    return response.ok ? answer : { reason: answer.reason || `status ${response.status}` };
  } catch (error) {
    return { reason: `the page's server cannot be reached (${error.message})` };
  }
}

export const seconds = (sample) => sample / page.about.rate_hz;
// When a train of pulses began, in seconds of the session; 0 if it has not.
export function began(stimulus) {
  const at = stimulus.fired || (stimulus.state === "intended" ? stimulus.due : 0);
  return at && at <= page.now ? seconds(at) : 0;
}

export const byId = (id) => document.getElementById(id);
export const isOperator = () => page.slow.role === "operator";

export function element(tag, text = "", kind = "") {
  const node = document.createElement(tag);
  if (text !== "") node.textContent = text;
  if (kind) node.className = kind;
  return node;
}
