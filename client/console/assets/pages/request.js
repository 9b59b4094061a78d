// One request: its way as a waterfall, who answered, and its raw headers.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { clock, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { parts } from "./way.js";

export function Request({ rest: [id] }) {
  const [found, find] = useState({});
  useEffect(() => {
    let here = true;
    find({});
    get(`/api/requests/${encodeURIComponent(id)}`).then(
      (request) => here && find({ request }),
      (error) => here && find({ error: error.message }),
    );
    return () => (here = false);
  }, [id]);
  if (found.error) return html`<article class="page"><h1>Request</h1><p role="alert">${found.error}</p></article>`;
  if (!found.request) return html`<article class="page"><p class="wait">Looking for the request …</p></article>`;
  return html`<article class="page"><${Waterfall} request=${found.request} /></article>`;
}

export function Waterfall({ request }) {
  const instances = useStore((state) => state.instances);
  const { rows, end_ms } = parts(request);
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  return html`<h1>“${request.query}”</h1>
    <p>${ms(request.total_ms)}, answered ${request.status} at ${clock(request.at)}</p>
    <div class="fall">${rows.map(
      (row) => html`<div class="row ${row.outcome}">
        <span class="name">${row.instance_id ? short(row.instance_id) : "front end"}<small>${row.about}</small></span>
        <svg viewBox="0 0 1000 18" preserveAspectRatio="none" role="img" aria-label=${row.told}>${row.bars.map(
          (bar) => html`<rect class=${bar.kind} x=${(bar.from / end_ms) * 1000} width=${Math.max(2, (bar.ms / end_ms) * 1000)} y=${bar.kind === "search" ? 5 : 2} height=${bar.kind === "search" ? 8 : 14} />`,
        )}</svg>
        <span class="ms">${ms(row.took)}</span>
      </div>`,
    )}</div>
    <p class="trace">trace ${request.id}</p>`;
}
