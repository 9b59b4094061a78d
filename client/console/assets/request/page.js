// One request: its way, the times in a table, its raw headers, and a link to it.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { clock, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { Waterfall } from "./waterfall.js";

export function Request({ rest: [id] }) {
  const found = useRequest(id);
  if (found.error) return html`<article class="page"><h1>Request</h1><p role="alert">${found.error}</p><p><a href="#/">Back to the overview</a></p></article>`;
  if (!found.request) return html`<article class="page"><p class="wait">Looking for the request …</p></article>`;
  const { request } = found;
  return html`<article class="page request">
    <h1>“<bdi>${request.query}</bdi>”</h1>
    <p>Answered with <b>${request.status}</b>${request.partial && " in part: a shard is missing"} in <b>${ms(request.total_ms)}</b> at ${clock(request.at)},
      asked by <bdi>${request.name ?? (request.mine ? "you, on this page" : request.agent || request.source)}</bdi>.</p>
    <${Waterfall} request=${request} />
    <${Times} request=${request} />
    <section><h2>Headers of the answer</h2>
      <pre tabindex="0">${request.headers.map(([name, value]) => `${name}: ${value.replaceAll(", attempt;", ",\n    attempt;")}\n`).join("")}</pre></section>
    <${Share} id=${request.id} />
  </article>`;
}

/** A remembered request: {} while it is looked for, then {request} or {error}. */
export function useRequest(id) {
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
  return found;
}

function Times({ request }) {
  const instances = useStore((state) => state.instances);
  const attempts = [...request.attempts].sort((a, b) => a.shard - b.shard || a.start_ms - b.start_ms);
  const last = Math.max(0, ...attempts.filter((each) => each.outcome === "won").map((each) => each.start_ms + each.dur_ms));
  return html`<section><h2>Times</h2><div class="scroll"><table>
    <thead><tr><th scope="col">shard</th><th scope="col">instance</th><th scope="col">host</th><th scope="col">sent after</th><th scope="col">took</th>
      <th scope="col">of it search</th><th scope="col">way and waiting</th><th scope="col">role</th><th scope="col">outcome</th></tr></thead>
    <tbody>${attempts.map(
      (each) => html`<tr><td>${each.shard}</td><td><a href="#/instances/${each.instance_id}">${instances.get(each.instance_id)?.short ?? each.instance_id}</a></td><td>${each.host}</td>
        <td>${ms(each.start_ms)}</td><td>${ms(each.dur_ms)}</td><td>${ms(each.search_ms)}</td><td>${each.search_ms === null ? "–" : ms(each.dur_ms - each.search_ms)}</td>
        <td>${each.hedge ? "hedge" : each.retry ? "again" : "first"}</td><td>${each.outcome}</td></tr>`,
    )}</tbody></table></div>
    <p>The front end worked ${ms(request.frontend_ms)} itself; ${ms(Math.max(0, request.total_ms - last))} passed from the last answer that was used until it had joined them all.</p>
  </section>`;
}

function Share({ id }) {
  const [said, say] = useState("");
  const link = `${location.origin}/#/request/${id}`;
  const copy = () => navigator.clipboard.writeText(link).then(() => say("copied"), () => say("mark it and copy it by hand"));
  return html`<p class="link-to"><label>Link to it <input readonly value=${link} onFocus=${(event) => event.target.select()} /></label>
    <button type="button" onClick=${copy}>Copy</button> <span role="status">${said}</span><br />
    <small>It gives nobody the right to act, and works as long as the console remembers the request: trace ${id}</small></p>`;
}
