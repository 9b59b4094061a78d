// The last requests in words and numbers, for those who do not see or want the dots.

import { html } from "../lib/ui.js";
import { ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";

const SHOWN = 8;

export function Last() {
  const still = useStore((state) => state.still);
  return html`<details class="last" open=${still}><summary>Last requests as a table</summary><${Table} /></details>`;
}

function Table() {
  const requests = useStore((state) => state.requests);
  const instances = useStore((state) => state.instances);
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  return html`<table><thead><tr><th scope="col">from</th><th scope="col">took</th><th scope="col">answered by</th></tr></thead>
    <tbody>${[...requests.values()].slice(-SHOWN).reverse().map(
      (each) => html`<tr key=${each.id}><td>${each.name ?? each.source}</td><td>${each.status >= 400 ? `failed (${each.status})` : ms(each.total_ms)}</td>
        <td>${each.attempts.filter((one) => one.outcome === "won").map((one) => short(one.instance_id)).join(", ")}</td></tr>`,
    )}</tbody></table>`;
}
