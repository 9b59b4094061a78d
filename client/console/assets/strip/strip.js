// Tasks and events: every change, who made it and how it ended; the newest is on top.

import { html } from "../lib/ui.js";
import { useStore } from "../lib/store.js";
import { Line } from "./line.js";

const SHOWN_MAX = 40;

export function Strip() {
  const log = useStore((state) => state.log);
  const rows = [...log.values()].reverse();
  return html`<section class="strip" aria-label="Tasks and events">
    <h2>Tasks and events</h2>
    <ol aria-live="polite" aria-relevant="additions" tabindex="0">${rows.slice(0, SHOWN_MAX).map((row) => html`<${Line} key=${row.id} row=${row} />`)}</ol>
    ${!rows.length && html`<p class="quiet">Nothing has happened yet.</p>`}
  </section>`;
}
