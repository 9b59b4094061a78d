// @ts-check
// Loads a component's files when it is first shown.

import { html, useEffect, useState } from "./ui.js";
import { reloadPage } from "./reload.js";

/** @type {Map<() => Promise<unknown>, unknown>} */
const loaded = new Map();

/**
 * Shows the component that `load` resolves to; all other props are passed on to it.
 * @param {{ load: () => Promise<unknown>, [name: string]: unknown }} props
 */
export function Lazy({ load, ...props }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (loaded.has(load)) return;
    load().then((component) => {
      loaded.set(load, component);
      redraw((n) => n + 1);
    }, reloadPage);
  }, [load]);
  const View = loaded.get(load);
  return View ? html`<${View} ...${props} />` : html`<p class="wait">Loading …</p>`;
}
