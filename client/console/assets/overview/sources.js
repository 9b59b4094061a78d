// Who sends requests: you, the load generator, and everyone else.

import { html, useState } from "../lib/ui.js";
import { patch, post, remove } from "../lib/api.js";
import { plural, rate } from "../lib/format.js";
import { put, useStore } from "../lib/store.js";
import { useActing, useHindrance } from "../load/acting.js";

export function Sources() {
  return html`<${You} /><${Load} /><${Others} />`;
}

function You() {
  const links = useStore((state) => state.links);
  return html`<section class="source you" data-anchor="source-you" aria-label="You"><h2>You</h2>
    ${links?.search ? html`<${Search} />` : html`<p>This cloud has no search front end.</p>`}</section>`;
}

function Search() {
  const [query, type] = useState("");
  const [said, say] = useState("");
  const ask = async (event) => {
    event.preventDefault();
    say("searching …");
    put({ asked: null });
    try {
      const asked = await post("/api/search", { query });
      put({ asked });
      say(plural(asked.total, "hit"));
    } catch (error) {
      say(error.message);
    }
  };
  return html`<form role="search" onSubmit=${ask}>
      <input id="ask" aria-label="Search" type="search" autocomplete="off" maxlength="200" placeholder="hypervisor" value=${query} onInput=${(event) => type(event.target.value)} />
      <button type="submit" disabled=${!query.trim()}>Search</button>
    </form>
    <p role="status">${said}</p>`;
}

function Load() {
  const load = useStore((state) => state.load);
  const [busy, said, act] = useActing();
  const why = useHindrance();
  const step = (by) => act("changing …", () => patch("/api/load", { step: by }));
  return html`<section class="source" data-anchor="source-load" aria-label="Load generator">
    <h2>Load generator</h2>
    ${load?.running
      ? html`<p>${load.loop === "open" ? html`<b>${rate(load.rate_per_s)}</b> requests a second` : html`<b>${plural(load.users, "user")}</b>, each waiting for the answer`}</p>
        ${!load.aim.service && html`<p class="quiet">to ${load.aim.instances.length ? plural(load.aim.instances.length, "instance") : "another service"}, not the search service: its requests are not drawn as dots</p>`}
        <p class="steps">
          ${load.loop === "open" && html`<button type="button" aria-label="Fewer requests a second" disabled=${Boolean(why)} title=${why} onClick=${() => step(-1)}>−</button>
            <button type="button" aria-label="More requests a second" disabled=${Boolean(why)} title=${why} onClick=${() => step(1)}>+</button>`}
          <button type="button" disabled=${Boolean(why)} title=${why} onClick=${() => act("stopping …", () => remove("/api/load"))}>Stop</button></p>`
      : html`<p>off</p><p class="steps"><button type="button" disabled=${Boolean(why || busy)} title=${why} onClick=${() => act("starting …", () => post("/api/load"))}>Start load</button></p>`}
    <p role="status">${said || busy}</p>
  </section>`;
}

function Others() {
  const requests = useStore((state) => state.requests);
  const share = useStore((state) => state.share);
  const names = [...new Set([...requests.values()].map((each) => each.source))].filter((name) => !["load", "you", "audience"].includes(name));
  return html`<section class="source others" data-anchor="source-others" aria-label="Others">
    <h2>Others</h2>${share && html`<p><a href="#/share">Audience</a>: ${plural(share.here, "phone")}</p>`}<p>${names.length ? names.join(", ") : "Requests from a browser or curl appear here"}</p>
  </section>`;
}
