// @ts-check
// One request: its timeline, the times of its attempts, its response headers, and a link to it.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { clock, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { byShardAndStart, Waterfall } from "./waterfall.js";

/** @param {{ rest: string[] }} props */
export function Request({ rest: [id] }) {
  const { request, error } = useRequest(id);
  const back = html`<p><a href="#/">← Overview</a></p>`;
  if (error) return html`<article class="page"><h1>Request</h1><p role="alert">${error}</p>${back}</article>`;
  if (!request) return html`<article class="page"><p class="wait">Loading the request …</p></article>`;
  const sender = request.name ?? (request.mine ? "you, on this page" : request.agent || request.source);
  /** @param {[string, string]} header */
  const header = ([name, value]) => `${name}: ${value.replaceAll(", attempt;", ",\n    attempt;")}\n`;
  return html`<article class="page request">
    ${back}
    <h1>“<bdi>${request.query}</bdi>”</h1>
    <p>Status <b>${request.status}</b>${request.partial && ", partial: a shard is missing"}, after
      <b>${" "}${ms(request.total_ms)}</b>, at ${clock(request.at)}, sent by <bdi>${sender}</bdi>.</p>
    <${Waterfall} request=${request} />
    <${Times} request=${request} />
    <section><h2>Response headers</h2><pre tabindex="0">${request.headers.map(header).join("")}</pre></section>
    <${CopyLink} id=${request.id} />
  </article>`;
}

/**
 * A stored request: {} while it is loaded, then {request} or {error}.
 * @param {string} id
 * @returns {{ request?: RequestRow, error?: string }}
 */
export function useRequest(id) {
  const [found, setFound] = useState(/** @type {{ request?: RequestRow, error?: string }} */ ({}));
  useEffect(() => {
    let current = true;
    setFound({});
    get(`/api/requests/${encodeURIComponent(id)}`).then(
      (request) => current && setFound({ request }),
      (error) => current && setFound({ error: error.message }),
    );
    return () => (current = false);
  }, [id]);
  return found;
}

/** @type {Record<string, string>} */
const OUTCOME = {
  won: "used",
  lost: "not used: slower",
  error: "failed",
  timeout: "timed out",
  late: "refused: too late",
};

/** @param {{ request: RequestRow }} props */
function Times({ request }) {
  const instances = useStore((state) => state.instances);
  const attempts = byShardAndStart(request.attempts);
  const used = attempts.filter((each) => each.outcome === "won");
  const last_ms = Math.max(0, ...used.map((each) => each.start_ms + each.dur_ms));
  /** @param {Attempt} each */
  const row = (each) => html`<tr><td data-label="shard">${each.shard}</td>
    <td data-label="instance"><a href="#/instances/${each.instance_id}">${
      instances.get(each.instance_id)?.short ?? each.instance_id
    }</a></td>
    <td data-label="host">${each.host}</td>
    <td data-label="sent after">${ms(each.start_ms)}</td>
    <td data-label="took">${ms(each.dur_ms)}</td>
    <td data-label="searching">${ms(each.search_ms)}</td>
    <td data-label="network and queue">${each.search_ms === null ? "–" : ms(each.dur_ms - each.search_ms)}</td>
    <td data-label="role">${each.hedge ? "hedge" : each.retry ? "retry" : "first"}</td>
    <td data-label="outcome">${OUTCOME[each.outcome]}</td></tr>`;
  const heads = "shard,instance,host,sent after,took,searching,network and queue,role,outcome".split(",");
  return html`<section><h2>Times</h2><table class="stacks">
    <thead><tr>${heads.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
    <tbody>${attempts.map(row)}</tbody></table>
    <p>The front end itself worked for ${ms(request.frontend_ms)}; merging the responses took
      ${" "}${ms(Math.max(0, request.total_ms - last_ms))} after the last one that was used.</p>
  </section>`;
}

/** @param {{ id: string }} props */
function CopyLink({ id }) {
  const [message, setMessage] = useState("");
  const link = `${location.origin}/#/request/${id}`;
  const copy = () =>
    navigator.clipboard.writeText(link).then(
      () => setMessage("copied"),
      () => setMessage("select the link and copy it"),
    );
  /** @param {any} event */
  const select = (event) => event.target.select();
  return html`<p class="copy-link"><label>Link <input readonly value=${link} onFocus=${select} /></label>
    <button type="button" onClick=${copy}>Copy</button> <span role="status">${message}</span><br />
    <small>View-only link; valid while the console stores this request. Trace ${id}</small></p>`;
}
