// A page whose files are loaded when it is opened.

import { html, useEffect, useState } from "./ui.js";
import { loadAgain } from "./again.js";

const loaded = new Map();

/** `load` gives a promise of the component; what else is given goes on to it. */
export function Lazy({ load, ...given }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (loaded.has(load)) return;
    load().then((view) => {
      loaded.set(load, view);
      redraw((n) => n + 1);
    }, loadAgain);
  }, [load]);
  const View = loaded.get(load);
  return View ? html`<${View} ...${given} />` : html`<p class="wait">Loading …</p>`;
}
