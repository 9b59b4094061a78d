// @ts-check
// Who sends requests: you, the load generator, and others.

import { html, useState } from "../lib/ui.js";
import { patch, post, remove } from "../lib/api.js";
import { plural, rate } from "../lib/format.js";
import { setState, useStore } from "../lib/store.js";
import { useLoadAction, useLoadDisabledReason } from "../load/action.js";

export function Sources() {
  return html`<${You} /><${LoadGenerator} /><${Others} />`;
}

function You() {
  const links = useStore((state) => state.links);
  return html`<section class="source you" data-anchor="source-you" aria-label="You"><h2>You</h2>
    ${links?.search ? html`<${SearchForm} />` : html`<p>This cloud has no search front end.</p>`}</section>`;
}

function SearchForm() {
  const [query, setQuery] = useState("");
  const [message, setMessage] = useState("");
  /** @param {Event} event */
  const search = async (event) => {
    event.preventDefault();
    setMessage("searching …");
    setState({ searchResult: null });
    try {
      const searchResult = await post("/api/search", { query });
      setState({ searchResult });
      setMessage(plural(searchResult.total, "hit"));
    } catch (error) {
      setMessage(/** @type {Error} */ (error).message);
    }
  };
  /** @param {any} event */
  const onInput = (event) => setQuery(event.target.value);
  return html`<form role="search" onSubmit=${search}>
      <input id="search" aria-label="Search" type="search" autocomplete="off" maxlength="200" placeholder="hypervisor"
        value=${query} onInput=${onInput} />
      <button type="submit" disabled=${!query.trim()}>Search</button>
    </form>
    <p role="status">${message}</p>`;
}

function LoadGenerator() {
  const load = useStore((state) => state.load);
  const [busy, error, run] = useLoadAction();
  const why = useLoadDisabledReason();
  /** @param {number} by */
  const step = (by) => run("changing …", () => patch("/api/load", { step: by }));
  const stop = () => run("stopping …", () => remove("/api/load"));
  const start = () => run("starting …", () => post("/api/load"));
  const disabled = Boolean(why);
  return html`<section class="source" data-anchor="source-load" aria-label="Load generator">
    <h2>Load generator</h2>
    ${load?.running
      ? html`<${LoadSummary} load=${load} /><p class="steps">
          ${load.loop === "open" && html`<button type="button" aria-label="Fewer requests a second" disabled=${disabled}
              title=${why} onClick=${() => step(-1)}>−</button>
            <button type="button" aria-label="More requests a second" disabled=${disabled} title=${why}
              onClick=${() => step(1)}>+</button>`}
          <button type="button" disabled=${disabled} title=${why} onClick=${stop}>Stop</button></p>`
      : html`<p>off</p><p class="steps">
          <button type="button" disabled=${disabled || Boolean(busy)} title=${why} onClick=${start}>Start load</button>
        </p>`}
    <p role="status">${error || busy}</p>
  </section>`;
}

/** @param {{ load: LoadRow }} props */
function LoadSummary({ load }) {
  const rateText =
    load.loop === "open"
      ? html`<b>${rate(load.rate_per_s)}</b> requests a second`
      : html`<b>${plural(load.users, "user")}</b>, each waiting for the response`;
  const instances = load.target.instances.length;
  const target = instances ? plural(instances, "instance") : "another service";
  return html`<p>${rateText}</p>
    ${!load.target.service && html`<p class="quiet">to ${target}, not the search service: its requests are not drawn as
      dots</p>`}`;
}

function Others() {
  const requests = useStore((state) => state.requests);
  const share = useStore((state) => state.share);
  const named = ["load", "you", "audience"];
  const names = new Set([...requests.values()].map((each) => each.source).filter((name) => !named.includes(name)));
  return html`<section class="source others" data-anchor="source-others" aria-label="Others">
    <h2>Others</h2>
    ${share && html`<p><a href="#/share">Audience</a>: ${plural(share.connected, "phone")}</p>`}
    <p>${names.size ? [...names].join(", ") : "Requests from a browser or curl appear here"}</p>
  </section>`;
}
