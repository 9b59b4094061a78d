// Loads the page, again where that is broken off.

import { loadAgain, loadedWell } from "./lib/again.js";

import("./app.js").then(loadedWell, loadAgain);
