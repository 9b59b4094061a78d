// The answer to the search that was typed here: its hits, and the timeline of its request.

import { html, useLayoutEffect, useRef } from "../lib/ui.js";
import { ms, plural } from "../lib/format.js";
import { put, useStore } from "../lib/store.js";
import { useRequest } from "../request/page.js";
import { Waterfall } from "../request/waterfall.js";

export function Asked() {
  const asked = useStore((state) => state.asked);
  return asked ? html`<${Answer} key=${asked.id} asked=${asked} />` : null;
}

function Answer({ asked }) {
  const links = useStore((state) => state.links);
  const { request, error } = useRequest(asked.id);
  const box = useRef(null);
  useLayoutEffect(() => box.current.scrollIntoView({ block: "nearest" }), [request]);
  return html`<section class="asked" aria-label="Your search" ref=${box}>
    <header><h2>“<bdi title=${asked.query}>${asked.query}</bdi>”: ${plural(asked.total, "hit")}${request && html` in ${ms(request.total_ms)}`}</h2>
      <a href="#/request/${asked.id}">details</a>
      <button type="button" aria-label="Close your search" onClick=${() => put({ asked: null })}>✕</button></header>
    ${asked.hits.length > 0 && html`<p>${asked.hits.slice(0, 3).map((hit, index) => html`${index > 0 && ", "}<a href="${links.search}${hit.url}" rel="noreferrer" target="_blank">${hit.title}</a>`)}</p>`}
    ${error && html`<p role="alert">${error}</p>`}
    ${request && html`<${Waterfall} request=${request} />`}
  </section>`;
}
