// A small line of the last minute. Decoration beside the number that it belongs to: readers hear the number.

import { html } from "./ui.js";

const WIDTH = 60;
const HEIGHT = 16;

/** `values` oldest first, null where nobody knows; `top` the scale's end, at least. */
export function Spark({ values, top = 0, keep = 60 }) {
  const known = values.filter((value) => value !== null && value !== undefined);
  const high = Math.max(top, ...known, 1e-9);
  let line = "";
  values.forEach((value, index) => {
    if (value === null || value === undefined) return;
    const x = WIDTH - ((values.length - 1 - index) / (keep - 1)) * WIDTH;
    const y = HEIGHT - 1 - (value / high) * (HEIGHT - 2);
    const before = values[index - 1];
    line += `${before === null || before === undefined ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><path d=${line || "M0 0"} /></svg>`;
}
