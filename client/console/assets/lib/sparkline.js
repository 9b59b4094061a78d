// @ts-check
// A small line of the last minute. It decorates the number beside it; screen readers read the number.

import { html } from "./ui.js";
import { unknown } from "./format.js";

const WIDTH = 60;
const HEIGHT = 16;

/**
 * `values`: oldest first, null where unknown. `top`: the scale's end, at least.
 * @param {{ values: Figure[], top?: number, keep?: number }} props
 */
export function Sparkline({ values, top = 0, keep = 60 }) {
  const known = /** @type {number[]} */ (values.filter((value) => !unknown(value)));
  const high = Math.max(top, ...known, 1e-9);
  let line = "";
  values.forEach((value, index) => {
    if (unknown(value)) return;
    const x = WIDTH - ((values.length - 1 - index) / (keep - 1)) * WIDTH;
    const y = HEIGHT - 1 - (value / high) * (HEIGHT - 2);
    line += `${unknown(values[index - 1]) ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return html`<svg class="sparkline" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
    <path d=${line || "M0 0"} /></svg>`;
}
