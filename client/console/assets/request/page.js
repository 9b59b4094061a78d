// One request: its way, the times in a table, its raw headers, and a link to it.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { clock, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { Waterfall } from "./waterfall.js";

export function Request({ rest: [id] }) {
  const found = useRequest(id);
  if (found.error) return html`<article class="page"><h1>Request</h1><p role="alert">${found.error}</p><p><a href="#/">← Overview</a></p></article>`;
  if (!found.request) return html`<article class="page"><p class="wait">Loading the request …</p></article>`;
  const { request } = found;
  return html`<article class="page request">
    <p><a href="#/">← Overview</a></p>
    <h1>“<bdi>${request.query}</bdi>”</h1>
    <p>Status <b>${request.status}</b>${request.partial && ", partial: a shard is missing"}, after <b>${ms(request.total_ms)}</b>, at ${clock(request.at)},
      sent by <bdi>${request.name ?? (request.mine ? "you, on this page" : request.agent || request.source)}</bdi>.</p>
    <${Waterfall} request=${request} />
    <${Times} request=${request} />
    <section><h2>Response headers</h2>
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

const OUTCOME = { won: "used", lost: "not used: slower", error: "failed", timeout: "timed out", late: "refused: too late" };

function Times({ request }) {
  const instances = useStore((state) => state.instances);
  const attempts = [...request.attempts].sort((a, b) => a.shard - b.shard || a.start_ms - b.start_ms);
  const last = Math.max(0, ...attempts.filter((each) => each.outcome === "won").map((each) => each.start_ms + each.dur_ms));
  return html`<section><h2>Times</h2><table class="stacks times">
    <thead><tr><th scope="col">shard</th><th scope="col">instance</th><th scope="col">host</th><th scope="col">sent after</th><th scope="col">took</th>
      <th scope="col">searching</th><th scope="col">network and queue</th><th scope="col">role</th><th scope="col">outcome</th></tr></thead>
    <tbody>${attempts.map(
      (each) => html`<tr><td data-label="shard">${each.shard}</td>
        <td data-label="instance"><a href="#/instances/${each.instance_id}">${instances.get(each.instance_id)?.short ?? each.instance_id}</a></td>
        <td data-label="host">${each.host}</td>
        <td data-label="sent after">${ms(each.start_ms)}</td>
        <td data-label="took">${ms(each.dur_ms)}</td>
        <td data-label="searching">${ms(each.search_ms)}</td>
        <td data-label="network and queue">${each.search_ms === null ? "–" : ms(each.dur_ms - each.search_ms)}</td>
        <td data-label="role">${each.hedge ? "hedge" : each.retry ? "retry" : "first"}</td>
        <td data-label="outcome">${OUTCOME[each.outcome]}</td></tr>`,
    )}</tbody></table>
    <p>The front end itself worked for ${ms(request.frontend_ms)}; joining the answers took ${ms(Math.max(0, request.total_ms - last))} after the last one that was used.</p>
  </section>`;
}

function Share({ id }) {
  const [said, say] = useState("");
  const link = `${location.origin}/#/request/${id}`;
  const copy = () => navigator.clipboard.writeText(link).then(() => say("copied"), () => say("select it and copy it yourself"));
  return html`<p class="link-to"><label>Link <input readonly value=${link} onFocus=${(event) => event.target.select()} /></label>
    <button type="button" onClick=${copy}>Copy</button> <span role="status">${said}</span><br />
    <small>View-only link; valid while the console remembers this request. Trace ${id}</small></p>`;
}
