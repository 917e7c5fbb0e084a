// All views of the page, in the order of their tabs. A new view is a module and its line here; if it
// needs state from the server, also a module with a line in crepe/dashboard/views/registry.py.
//
// A view is an object:
//   name, title   of its tab; the address ends in #name
//   html          what is in its section; made once
//   shows         names of the views in crepe/dashboard/views whose state it draws
//   start()       runs once, when the html is on the page
//   begin()       runs when a session begins or has further streams
//   open()        runs when its tab is chosen
//   draw()        runs for every frame while it is shown
//   key(event)    runs for a key that is pressed while it is shown
// The last five may be left out. A game's view inside the tab Play is registered in games.js.

import { health } from "./health.js";
import { live } from "./live.js";
import { play } from "./play.js";
import { sessions } from "./sessions.js";

export const VIEWS = [live, play, health, sessions];
