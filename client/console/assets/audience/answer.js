// What one's own search found, and who answered it in what time.

import { html } from "../lib/ui.js";
import { count, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { parts } from "../request/way.js";

export function Answer({ answer: { query, total, hits, way } }) {
  return html`<section class="answer" aria-label="Answer">
    <h2>${total ? "Found" : "Nothing found"} for “<bdi>${query}</bdi>”</h2>
    <${Way} way=${way} />
    <ol>${hits.map(
      (hit) => html`<li key=${hit.url}><b>${hit.title}</b><p>${hit.snippet.map(([text, match]) => (match ? html`<mark>${text}</mark>` : text))}</p></li>`,
    )}</ol>
    ${total > hits.length && html`<p class="quiet">the best ${count(hits.length)} of ${count(total)}</p>`}
  </section>`;
}

function Way({ way }) {
  const instances = useStore((state) => state.instances);
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  const { rows, end_ms } = parts(way);
  const x = (value) => (value / end_ms) * 1000;
  const won = way.attempts.filter((each) => each.outcome === "won").map((each) => short(each.instance_id));
  return html`<p class="took"><b>${ms(way.total_ms)}</b>: ${won.length ? `${won.join(" and ")} answered` : "nobody answered"}${way.partial && ", a part is missing"}</p>
    <ul class="fall">${rows.map(
      (row, index) => html`<li key=${index}><span>${row.instance_id ? short(row.instance_id) : "front end"}</span>
        <svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">${row.bars.map(
          (bar) => html`<rect class=${bar.kind} x=${x(bar.from)} width=${Math.max(3, x(bar.ms))} height="20" />`,
        )}</svg><span class="much">${ms(row.took)}</span></li>`,
    )}</ul>`;
}
