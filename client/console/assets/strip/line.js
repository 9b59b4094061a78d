// A line of what happened: when, to which instance, what, by whom and how it ended.

import { html } from "../lib/ui.js";
import { clock } from "../lib/format.js";
import { useStore } from "../lib/store.js";

const LINKED_MAX = 3;

/** `whole`: with all its instances and its words unshortened. */
export function Line({ row, whole }) {
  const instances = useStore((state) => state.instances);
  const linked = whole ? row.instances : row.instances.slice(0, LINKED_MAX);
  const more = row.instances.length - linked.length;
  const links = html`${linked.map((id) => html`<a href="#/instances/${id}">${instances.get(id)?.short ?? id.slice(0, 6)}</a> `)}${more > 0 && html`<small>and ${more} more </small>`}`;
  const task = row.kind === "task";
  const said = [row.text, task && row.by && `by ${row.by}`, task && (row.outcome || "in progress")].filter(Boolean).join(", ");
  return html`<li class="tone-${row.tone} ${whole ? "whole" : ""}" title=${whole ? undefined : said}>
    <time>${clock(row.at)}</time>
    <span class="what">${task ? html`<b>${row.text}</b> ${links}` : html`${links}${row.text}`}${task && row.by && html`<span class="by">by ${row.by}</span>`}${task && html`<span class="outcome">, ${row.outcome || "in progress …"}</span>`}</span>
  </li>`;
}
