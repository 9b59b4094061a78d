// Starts the page. If one of its files could not be loaded, the whole page is loaded again.

import { loadAgain, loadedWell } from "./lib/again.js";

/** Throws if the style sheet or one that it imports is missing: the rules of a missing one cannot be read. */
function checkStyles() {
  const [base] = document.styleSheets;
  for (const rule of base.cssRules) if (rule instanceof CSSImportRule) void rule.styleSheet.cssRules.length;
}

import("./app.js").then(checkStyles).then(loadedWell, loadAgain);
