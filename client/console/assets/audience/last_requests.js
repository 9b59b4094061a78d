// @ts-check
// The last requests as a table, for people who do not see or want the dots.

import { html } from "../lib/ui.js";
import { ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";

const ROWS_SHOWN = 8;

export function LastRequests() {
  const open = useStore((state) => state.reducedMotion);
  return html`<details class="last" open=${open}><summary>Last requests as a table</summary><${Table} /></details>`;
}

function Table() {
  const requests = useStore((state) => state.requests);
  const instances = useStore((state) => state.instances);
  /** @param {Attempt} attempt */
  const short = ({ instance_id: id }) => instances.get(id)?.short ?? id.slice(0, 6);
  /** @param {RequestRow} each */
  const row = (each) => html`<tr key=${each.id}><td>${each.name ?? each.source}</td>
    <td>${each.status >= 400 ? `failed (${each.status})` : ms(each.total_ms)}</td>
    <td>${each.attempts.filter((one) => one.outcome === "won").map(short).join(", ")}</td></tr>`;
  const heads = ["from", "took", "answered by"];
  return html`<table><thead><tr>${heads.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
    <tbody>${[...requests.values()].slice(-ROWS_SHOWN).reverse().map(row)}</tbody></table>`;
}
