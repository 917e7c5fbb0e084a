// The header: connection, time, and whether stimulation is possible; STOP and Arm.

import { alarm } from "./alarm.js";
import { byId, page, post, seconds } from "./state.js";

byId("stop").onclick = async () => {
  alarm("stopping …");
  const answer = await post("/api/stop");
  if (answer.reason) alarm(`NOT STOPPED from here: ${answer.reason}`);
  else if (answer.is_verified) alarm(`Stopped. ${answer.lines.at(-1)}`, true);
  else alarm(["The stop is NOT VERIFIED.", ...answer.lines].join("\n"));
};
byId("alarm").onclick = () => alarm("");

byId("arm").onclick = () => {
  byId("arm-instrument").textContent = page.slow.control?.instrument || "no instrument";
  // A dialog keeps its value: closed without a button, it would have "arm" from the last time.
  byId("arm-dialog").returnValue = "";
  byId("arm-dialog").show(); // not modal: STOP works beside it
};
byId("arm-dialog").onclose = async ({ target }) => {
  if (target.returnValue !== "arm") return;
  const answer = await post("/api/arm", { minutes: Number(byId("arm-minutes").value) });
  alarm(answer.reason ? `Not armed: ${answer.reason}` : "");
};

function pill(id, text, kind) {
  const box = byId(id);
  box.textContent = text;
  box.className = `pill ${kind}`;
  box.hidden = !text;
}

// Why a session in which nothing seems wrong stimulates nothing.
function drawNotice() {
  const box = byId("notice");
  box.hidden = !page.slow.notice;
  box.textContent = page.slow.notice ?? "";
}

export function drawHeader() {
  drawNotice();
  const silentS = (performance.now() - page.receivedAt) / 1000;
  const ageS = Math.max(page.slow.age_s ?? 0, silentS > 1.5 ? silentS : 0);
  const phase = page.events?.game?.phase;
  document.body.classList.toggle("away", !page.connected);
  if (page.replay && page.slow.problem) pill("connection", page.slow.problem, "bad");
  else if (!page.connected) pill("connection", `no connection for ${Math.round(silentS)} s`, "bad");
  else if (page.replay) pill("connection", "replay", "warm");
  else if (page.slow.problem) pill("connection", `Redis does not answer; stale for ${Math.round(ageS)} s`, "bad");
  else if (!page.about?.labels.length) pill("connection", "waiting for data", "warm");
  else if (ageS > 1) pill("connection", `stale for ${Math.round(ageS)} s`, phase === "over" ? "warm" : "bad");
  else pill("connection", "live", "good");
  byId("clock").textContent = page.about ? `${seconds(page.now).toFixed(1)} s` : "";
  const control = page.slow.control;
  if (!control || page.replay) pill("armed", "", "");
  else if (!page.connected) pill("armed", "armed or not: unknown", "warm");
  else if (!control.can_stimulate) pill("armed", "cannot stimulate", "");
  else if (control.is_stopped) pill("armed", "STOPPED", "bad");
  else if (control.refusal) pill("armed", "not armed", "warm");
  else pill("armed", control.is_simulator ? "simulator: armed" : `ARMED for ${Math.ceil(control.armed_s / 60)} min`, "good");
  byId("armed").title = control?.refusal ?? "";
  const isSpectator = page.slow.role === "spectator";
  document.body.classList.toggle("spectator", isSpectator || !!page.replay);
  byId("stop").hidden = isSpectator;
  byId("arm").hidden = !control?.can_stimulate || !!page.replay;
}
