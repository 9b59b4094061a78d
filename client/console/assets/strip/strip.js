// Tasks and events: every change, who asked for it and how it ended; the newest is on top.

import { html } from "../lib/ui.js";
import { clock } from "../lib/format.js";
import { useStore } from "../lib/store.js";

export function Strip() {
  const log = useStore((state) => state.log);
  const instances = useStore((state) => state.instances);
  const rows = [...log.values()].reverse();
  return html`<section class="strip" aria-label="Tasks and events">
    <h2>Tasks and events</h2>
    <ol aria-live="polite" aria-relevant="additions">${rows.slice(0, 40).map(
      (row) => html`<li key=${row.id} class="tone-${row.tone}">
        <time>${clock(row.at)}</time>
        ${row.instances.slice(0, 3).map((id) => html`<a href="#/instances/${id}">${instances.get(id)?.short ?? id.slice(0, 6)}</a> `)}
        <span>${row.text}</span>
        ${row.by && html`<span class="by">${row.by}</span>`}
        ${row.kind === "task" && html`<span class="outcome">${row.outcome || "under way"}</span>`}
      </li>`,
    )}</ol>
    ${!rows.length && html`<p class="quiet">Nothing has happened yet.</p>`}
  </section>`;
}
