// @ts-check
// Tasks and events: every change, who made it and how it ended, newest first.

import { html } from "../lib/ui.js";
import { useStore } from "../lib/store.js";
import { EventLine } from "./event_line.js";

const SHOWN_MAX = 40;

export function EventLog() {
  const log = useStore((state) => state.log);
  const rows = [...log.values()].reverse().slice(0, SHOWN_MAX);
  return html`<section class="event-log" aria-label="Tasks and events">
    <h2>Tasks and events</h2>
    <ol aria-live="polite" aria-relevant="additions" tabindex="0">
      ${rows.map((row) => html`<${EventLine} key=${row.id} row=${row} />`)}</ol>
    ${!rows.length && html`<p class="quiet">Nothing has happened yet.</p>`}
  </section>`;
}
