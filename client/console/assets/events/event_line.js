// @ts-check
// One line of the event log: when, which instances, what happened, who caused it and how it ended.

import { html } from "../lib/ui.js";
import { clock } from "../lib/format.js";
import { useStore } from "../lib/store.js";

const LINKED_MAX = 3;

/**
 * `full`: with all instances and the whole text.
 * @param {{ row: LogRow, full?: boolean }} props
 */
export function EventLine({ row, full }) {
  const instances = useStore((state) => state.instances);
  const linked = full ? row.instances : row.instances.slice(0, LINKED_MAX);
  const more = row.instances.length - linked.length;
  const task = row.kind === "task";
  /** @param {string} id */
  const link = (id) => html`<a href="#/instances/${id}">${instances.get(id)?.short ?? id.slice(0, 6)}</a> `;
  const links = html`${linked.map(link)}${more > 0 && html`<small>and ${more} more </small>`}`;
  const by = task && row.by;
  const text = [row.text, by && `by ${by}`, task && (row.outcome || "in progress")].filter(Boolean).join(", ");
  return html`<li class="tone-${row.tone} ${full ? "full" : ""}" title=${full ? undefined : text}>
    <time>${clock(row.at)}</time>
    <span class="what">${task ? html`<b>${row.text}</b> ${links}` : html`${links}${row.text}`}
      ${by && html`<span class="by">by ${by}</span>`}${
        task && html`<span class="outcome">, ${row.outcome || "in progress …"}</span>`
      }</span>
  </li>`;
}
