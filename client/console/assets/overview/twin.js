// The table beside the dots: the last requests with the same numbers, for whoever does not see or want motion.

import { html } from "../lib/ui.js";
import { clock, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";

const SHOWN = 12;

export function Twin() {
  const still = useStore((state) => state.still);
  return html`<details class="twin" open=${still}><summary>The same requests as a table</summary><${Rows} /></details>`;
}

function Rows() {
  const requests = useStore((state) => state.requests);
  const instances = useStore((state) => state.instances);
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  const last = [...requests.values()].slice(-SHOWN).reverse();
  return html`<table><thead><tr><th>at</th><th>query</th><th>from</th><th>answer</th><th>took</th><th>answered by</th></tr></thead>
    <tbody>${last.map(
      (each) => html`<tr key=${each.id}><td>${clock(each.at)}</td><td><a href="#/request/${each.id}">${each.query}</a></td><td>${each.source}</td>
        <td>${each.status}${each.partial && " in part"}</td><td>${ms(each.total_ms)}</td>
        <td>${each.attempts.filter((one) => one.outcome === "won").map((one) => `${short(one.instance_id)}${one.hedge ? " (hedge)" : ""}`).join(", ")}</td></tr>`,
    )}</tbody></table>`;
}
