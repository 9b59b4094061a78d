// @ts-check
// The result of the search sent from this page: its hits and the timeline of its request.

import { html, useLayoutEffect, useRef } from "../lib/ui.js";
import { ms, plural } from "../lib/format.js";
import { setState, useStore } from "../lib/store.js";
import { useRequest } from "../request/request.js";
import { Waterfall } from "../request/waterfall.js";

const HITS_SHOWN = 3;

export function SearchResult() {
  const result = useStore((state) => state.searchResult);
  return result ? html`<${Result} key=${result.id} result=${result} />` : null;
}

/** @param {{ result: SearchResultRow }} props */
function Result({ result }) {
  const links = useStore((state) => state.links);
  const { request, error } = useRequest(result.id);
  const box = useRef();
  useLayoutEffect(() => box.current.scrollIntoView({ block: "nearest" }), [request]);
  /** @param {Hit} hit */
  const link = (hit) => html`<a href="${links.search}${hit.url}" rel="noreferrer" target="_blank">${hit.title}</a>`;
  const hits = result.hits.slice(0, HITS_SHOWN).map((hit, index) => html`${index > 0 && ", "}${link(hit)}`);
  return html`<section class="search-result" aria-label="Your search" ref=${box}>
    <header><h2>“<bdi title=${result.query}>${result.query}</bdi>”: ${plural(result.total, "hit")}${
      request && html` in ${ms(request.total_ms)}`
    }</h2>
      <a href="#/request/${result.id}">details</a>
      <button type="button" aria-label="Close your search" onClick=${() => setState({ searchResult: null })}>✕</button>
    </header>
    ${hits.length > 0 && html`<p>${hits}</p>`}
    ${error && html`<p role="alert">${error}</p>`}
    ${request && html`<${Waterfall} request=${request} />`}
  </section>`;
}
