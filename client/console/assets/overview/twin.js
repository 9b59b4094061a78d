// The table beside the dots: the last requests with the same numbers, for those who do not see or want motion; how many
// of them are drawn; and what the dots' shapes mean.

import { html, useState } from "../lib/ui.js";
import { clock, ms, rate } from "../lib/format.js";
import { current, useStore } from "../lib/store.js";

const SHOWN = 12;
const SAMPLES_PER_S = 50;

export function Twin() {
  const [open, show] = useState(current().still);
  const last = useStore((state) => [...state.seconds.values()].at(-1));
  const many = last?.req_s > SAMPLES_PER_S;
  return html`<div class="twin">
    <div class="line">
      <button type="button" aria-expanded=${open} aria-controls="twin" onClick=${() => show(!open)}>${open ? "▾" : "▸"} Requests as a table</button>
      ${many && html`<span class="sampled">${SAMPLES_PER_S} of ${rate(last.req_s)} requests/s are drawn; the numbers count all</span>`}
      <ul class="shapes" aria-label="What the dots mean"><li><b>●</b> request (or one part of it)</li><li><b class="hedge">○</b> hedge: sent again elsewhere</li><li><b class="bad">◆</b> failed</li></ul>
    </div>
    <div id="twin" class="scroll">${open && html`<${Rows} />`}</div>
  </div>`;
}

function Rows() {
  const requests = useStore((state) => state.requests);
  const instances = useStore((state) => state.instances);
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  const last = [...requests.values()].slice(-SHOWN).reverse();
  return html`<table class="stacks"><thead><tr>${["time", "query", "from", "status", "took", "answered by"].map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
    <tbody>${last.map(
      (each) => html`<tr key=${each.id}><td data-label="time">${clock(each.at)}</td>
        <td data-label="query"><a href="#/request/${each.id}"><bdi>${each.query}</bdi></a></td>
        <td data-label="from"><bdi>${each.name ?? each.source}</bdi></td>
        <td data-label="status">${each.status}${each.partial && " partial"}</td>
        <td data-label="took">${ms(each.total_ms)}</td>
        <td data-label="answered by">${each.attempts.filter((one) => one.outcome === "won").map((one) => `${short(one.instance_id)}${one.hedge ? " (hedge)" : ""}`).join(", ")}</td></tr>`,
    )}</tbody></table>`;
}
