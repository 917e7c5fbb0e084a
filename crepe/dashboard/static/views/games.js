// All views of games, and the texts that games share. A new view is a module and its line in GAMES.
//
// A game's view is an object:
//   name            of the view in crepe/dashboard/views that a session with this game has
//   shows           names of those views whose state it draws
//   outcomes        texts for the names of its score
//   columns, row(trial)   of the table of trials
//   responseHint    what is under the plot of the response
//   responseFrom()  where that plot begins, in seconds; null: where it was
//   build()         makes { picture, controls, footer }: elements, lists of elements
//   draw(game)      updates them; `game` is the newest state, if there is any
//   text(game)      what the game does now, as text
//   trouble(game)   why the game does not go as it should, or ""
//   key(event)      runs for a key that is pressed; may be left out

import { element, page } from "../state.js";
import { court } from "./court.js";
import { image } from "./image.js";
import { trialGame } from "./trial_game.js";

const GAMES = [court, image, trialGame]; // the first whose streams a session has

export const gameView = () => GAMES.find(({ name }) => page.about?.views.includes(name)) ?? trialGame;

export function trouble() {
  const game = page.events?.game;
  return game ? gameView().trouble(game) : "";
}

export function gameText() {
  const game = page.events?.game;
  if (!page.connected) return "no connection: this is the last known state";
  if (!game) return "no game runs";
  if (page.slow.control?.is_stopped) return `stimulation is stopped; ${page.slow.control.is_simulator ? "arm to go on" : "an operator must arm to go on"}`;
  if (trouble() && !["over", "paused", "waiting"].includes(game.phase)) return trouble();
  if (game.phase === "paused") return "paused";
  if (game.phase === "over") return "the game is over";
  return gameView().text(game) ?? game.phase;
}

export function scores() {
  const box = element("div", "", "points");
  for (const [name, n] of Object.entries(page.events?.game?.score ?? {})) {
    const score = element("span", gameView().outcomes[name] ?? name.replace("_", " "));
    score.prepend(element("b", n));
    box.append(score);
  }
  return box;
}
