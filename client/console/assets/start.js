// @ts-check
// Starts the page. If one of its files could not be loaded, the whole page is loaded again.

import { pageLoaded, reloadPage } from "./lib/reload.js";

/** Throws if the style sheet or one that it imports is missing: the rules of a missing one cannot be read. */
function checkStyles() {
  const [base] = document.styleSheets;
  const imports = [...base.cssRules].filter((rule) => rule instanceof CSSImportRule);
  for (const each of imports) void (/** @type {CSSImportRule} */ (each).styleSheet?.cssRules.length);
}

import("./app.js").then(checkStyles).then(pageLoaded, reloadPage);
