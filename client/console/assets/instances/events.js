// What happened to one instance, and by whom; the newest first.

import { html } from "../lib/ui.js";
import { useStore } from "../lib/store.js";
import { Line } from "../strip/line.js";

export function Events({ instance }) {
  const log = useStore((state) => state.log);
  const rows = [...log.values()].filter((row) => row.instances.includes(instance.id)).reverse();
  if (!rows.length) return html`<p class="quiet">No events are stored for it.</p>`;
  return html`<ol class="events">${rows.map((row) => html`<${Line} key=${row.id} row=${row} whole=${true} />`)}</ol>`;
}
