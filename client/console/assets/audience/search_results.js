// @ts-check
// The results of the phone's own search, the instances that answered it with their times, and the documents it found.

import { html, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { DocumentText } from "./document_text.js";
import { count, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { waterfallRows } from "../request/waterfall.js";

/** @typedef {SearchResultRow & { timeline: RequestTimeline }} Result */

/** @param {{ result: Result }} props */
export function SearchResults({ result: { query, total, hits, timeline } }) {
  return html`<section class="search-result" aria-label="Search results">
    <h2>${total ? "Found" : "Nothing found"} for “<bdi>${query}</bdi>”</h2>
    <${Timeline} timeline=${timeline} />
    <ol>${hits.map((hit) => html`<${HitItem} key=${hit.url} hit=${hit} />`)}</ol>
    ${total > hits.length && html`<p class="quiet">the best ${count(hits.length)} of ${count(total)}</p>`}
  </section>`;
}

/** A hit; its title opens the document below it. @param {{ hit: Hit }} props */
function HitItem({ hit }) {
  const [open, setOpen] = useState(false);
  const [found, setFound] = useState(/** @type {{ body?: string, error?: string }} */ ({}));
  const toggle = () => {
    setOpen(!open);
    if (open || found.body) return;
    const path = `/api/document?url=${encodeURIComponent(hit.url)}`;
    get(path).then(setFound, ({ message }) => setFound({ error: message }));
  };
  let text = html`<p class="quiet">Loading …</p>`;
  if (found.error) text = html`<p role="alert">${found.error}.</p>`;
  else if (found.body) text = html`<${DocumentText} body=${found.body} />`;
  /** @param {[string, boolean]} piece */
  const piece = ([part, match]) => (match ? html`<mark>${part}</mark>` : part);
  return html`<li><button type="button" class="hit" aria-expanded=${open} onClick=${toggle}>${hit.title}</button>
    ${open ? html`<div class="document">${text}</div>` : html`<p>${hit.snippet.map(piece)}</p>`}</li>`;
}

/** @param {{ timeline: RequestTimeline }} props */
function Timeline({ timeline }) {
  const instances = useStore((state) => state.instances);
  /** @param {string} id */
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  const { rows, end_ms } = waterfallRows(timeline);
  /** @param {number} value */
  const x = (value) => (value / end_ms) * 1000;
  const used = timeline.attempts.filter((each) => each.outcome === "won").map((each) => short(each.instance_id));
  /** @param {import("../request/waterfall.js").Bar} bar */
  const rect = (bar) =>
    html`<rect class=${bar.kind} x=${x(bar.from_ms)} width=${Math.max(3, x(bar.ms))} height="20" />`;
  /** @param {import("../request/waterfall.js").Row} row @param {number} index */
  const line = (row, index) => html`<li key=${index}>
    <span>${row.instance_id ? short(row.instance_id) : "front end"}</span>
    <svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">${row.bars.map(rect)}</svg>
    <span class="ms">${ms(row.took_ms)}</span></li>`;
  return html`<p class="took"><b>${ms(timeline.total_ms)}</b>: ${
      used.length ? `${used.join(" and ")} answered` : "no response"
    }${timeline.partial && ", a part is missing"}</p>
    <ul class="waterfall">${rows.map(line)}</ul>`;
}
