// @ts-check
// The events of one instance, newest first.

import { html } from "../lib/ui.js";
import { useStore } from "../lib/store.js";
import { EventLine } from "../events/event_line.js";

/** @param {{ instance: { id: string } }} props */
export function Events({ instance }) {
  const log = useStore((state) => state.log);
  const rows = [...log.values()].filter((row) => row.instances.includes(instance.id)).reverse();
  if (!rows.length) return html`<p class="quiet">No events for this instance.</p>`;
  return html`<ol class="events">${rows.map(
    (row) => html`<${EventLine} key=${row.id} row=${row} full=${true} />`,
  )}</ol>`;
}
