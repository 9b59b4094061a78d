// @ts-check
// The last requests as a table, for people who do not see or want motion; how many of them are drawn; and what the
// shapes of the dots mean.

import { html, useState } from "../lib/ui.js";
import { clock, ms, rate } from "../lib/format.js";
import { current, useStore } from "../lib/store.js";

const ROWS_SHOWN = 12;
const SAMPLES_PER_S = 50;

export function RequestsTable() {
  const [open, show] = useState(current().reducedMotion);
  const req_s = useStore((state) => [...state.seconds.values()].at(-1)?.req_s) ?? 0;
  return html`<div class="requests">
    <div class="line">
      <button type="button" aria-expanded=${open} aria-controls="requests-table" onClick=${() => show(!open)}>${
        open ? "▾" : "▸"
      } Requests as a table</button>
      ${req_s > SAMPLES_PER_S && html`<span class="sampled">${SAMPLES_PER_S} of ${rate(req_s)} requests/s are drawn; the
        numbers count all</span>`}
      <ul class="shapes" aria-label="What the dots mean"><li><b>●</b> request (or one part of it)</li>
        <li><b class="hedge">○</b> hedge: sent again elsewhere</li><li><b class="bad">◆</b> failed</li></ul>
    </div>
    <div id="requests-table" class="scroll">${open && html`<${Table} />`}</div>
  </div>`;
}

function Table() {
  const requests = useStore((state) => state.requests);
  const instances = useStore((state) => state.instances);
  /** @param {Attempt} attempt */
  const answeredBy = ({ instance_id, hedge }) =>
    `${instances.get(instance_id)?.short ?? instance_id.slice(0, 6)}${hedge ? " (hedge)" : ""}`;
  /** @param {RequestRow} each */
  const row = (each) => html`<tr key=${each.id}>
    <td data-label="time">${clock(each.at)}</td>
    <td data-label="query"><a href="#/request/${each.id}"><bdi>${each.query}</bdi></a></td>
    <td data-label="from"><bdi>${each.name ?? each.source}</bdi></td>
    <td data-label="status">${each.status}${each.partial && " partial"}</td>
    <td data-label="took">${ms(each.total_ms)}</td>
    <td data-label="answered by">${each.attempts.filter((one) => one.outcome === "won").map(answeredBy).join(", ")}</td>
  </tr>`;
  const heads = ["time", "query", "from", "status", "took", "answered by"];
  return html`<table class="stacks"><thead><tr>${heads.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
    <tbody>${[...requests.values()].slice(-ROWS_SHOWN).reverse().map(row)}</tbody></table>`;
}
