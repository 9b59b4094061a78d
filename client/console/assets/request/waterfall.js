// One request's timeline as bars: the front end, then every attempt; which answers were used, and which were not.

import { html } from "../lib/ui.js";
import { ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { parts } from "./way.js";

export function Waterfall({ request }) {
  const instances = useStore((state) => state.instances);
  const { rows, end_ms } = parts(request);
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  const hedged = request.attempts.some((each) => each.hedge);
  return html`<div class="fall">
    <ol>${rows.map(
      (row) => html`<li class="row is-${row.outcome}">
        <span class="name">${row.instance_id ? html`<a href="#/instances/${row.instance_id}">${short(row.instance_id)}</a>` : "front end"}<small>${row.about}</small></span>
        <svg viewBox="0 0 1000 18" preserveAspectRatio="none" role="img" aria-label=${row.told}>${row.bars.map((bar) => {
          const width = Math.max(3, (bar.ms / end_ms) * 1000);
          const x = Math.min((bar.from / end_ms) * 1000, 1000 - width);
          return html`<rect class=${bar.kind} x=${x} width=${width} y=${bar.kind === "search" ? 5 : 2} height=${bar.kind === "search" ? 8 : 14} />`;
        })}</svg>
        <span class="ms">${ms(row.took)}</span>
      </li>`,
    )}</ol>
    <p class="legend"><span><i class="own"></i>front end: sending before, joining after</span>
      <span><i class="way"></i>network and queue</span> <span><i class="search"></i>searching in the instance</span> ${hedged && html`<span><i class="hedge"></i>hedge: sent again</span>`}</p>
  </div>`;
}
