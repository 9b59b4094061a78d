// What one's own search found, which instances answered it in what time, and the documents that it found.

import { html, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { Text } from "./text.js";
import { count, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { parts } from "../request/way.js";

export function Answer({ answer: { query, total, hits, way } }) {
  return html`<section class="answer" aria-label="Answer">
    <h2>${total ? "Found" : "Nothing found"} for “<bdi>${query}</bdi>”</h2>
    <${Way} way=${way} />
    <ol>${hits.map(
      (hit) => html`<${Hit} key=${hit.url} hit=${hit} />`,
    )}</ol>
    ${total > hits.length && html`<p class="quiet">the best ${count(hits.length)} of ${count(total)}</p>`}
  </section>`;
}

/** A hit; its title opens the document in place. */
function Hit({ hit }) {
  const [open, show] = useState(false);
  const [read, set] = useState({});
  const toggle = () => {
    show(!open);
    if (!open && !read.body) get(`/api/document?url=${encodeURIComponent(hit.url)}`).then(set, (error) => set({ error: error.message }));
  };
  return html`<li><button type="button" class="hit" aria-expanded=${open} onClick=${toggle}>${hit.title}</button>
    ${open
      ? html`<div class="document">${read.error ? html`<p role="alert">${read.error}.</p>` : read.body ? html`<${Text} body=${read.body} />` : html`<p class="quiet">Loading …</p>`}</div>`
      : html`<p>${hit.snippet.map(([text, match]) => (match ? html`<mark>${text}</mark>` : text))}</p>`}</li>`;
}

function Way({ way }) {
  const instances = useStore((state) => state.instances);
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  const { rows, end_ms } = parts(way);
  const x = (value) => (value / end_ms) * 1000;
  const won = way.attempts.filter((each) => each.outcome === "won").map((each) => short(each.instance_id));
  return html`<p class="took"><b>${ms(way.total_ms)}</b>: ${won.length ? `${won.join(" and ")} answered` : "no answer"}${way.partial && ", a part is missing"}</p>
    <ul class="fall">${rows.map(
      (row, index) => html`<li key=${index}><span>${row.instance_id ? short(row.instance_id) : "front end"}</span>
        <svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">${row.bars.map(
          (bar) => html`<rect class=${bar.kind} x=${x(bar.from)} width=${Math.max(3, x(bar.ms))} height="20" />`,
        )}</svg><span class="much">${ms(row.took)}</span></li>`,
    )}</ul>`;
}
