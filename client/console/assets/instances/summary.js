// @ts-check
// What is known of an instance: facts, tags, isolation, and the user data that it was launched with.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { count } from "../lib/format.js";
import { VIEW_ONLY } from "../lib/permission.js";
import { useStore } from "../lib/store.js";
import { dateTime, webAddress } from "./metrics.js";

/** @param {{ instance: Instance }} props */
export function Summary({ instance }) {
  const cloud = useStore((state) => state.cloud);
  const driver = cloud?.drivers[instance.driver] ?? cloud;
  const tags = Object.entries(instance.tags).map(([key, value]) => [key, value || "(empty)"]);
  return html`<div class="summary">
    <section><h2>Facts</h2><${Facts} rows=${factsOf(instance, driver?.one || cloud?.driver)} /></section>
    <section><h2>Tags</h2>${tags.length ? html`<${Facts} rows=${tags} />` : html`<p class="quiet">None.</p>`}</section>
    <${Isolation} rows=${driver?.isolation ?? []} />
    <${UserData} id=${instance.id} />
  </div>`;
}

/** @param {{ rows: [string, unknown][] }} props */
const Facts = ({ rows }) => html`<dl class="facts">${rows.map(
  ([name, value]) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
)}</dl>`;

/** @param {Instance} instance @param {string | undefined} kind @returns {[string, unknown][]} */
function factsOf(instance, kind) {
  const { reason, shard, changed_at } = instance;
  const port = instance.port ?? instance.web_port;
  const address = instance.address && `${instance.address}${port ? `:${port}` : ""}`;
  const url = webAddress(instance);
  return [
    ["Kind", kind],
    ["State since", changed_at && dateTime(changed_at)],
    ["Impaired", instance.impaired],
    ["Reason", reason && `${reason.code}: ${reason.message.replace(`${reason.code}: `, "")}`],
    ["Type", instance.type],
    ["Image", instance.image],
    ["Host and zone", `${instance.host} in ${instance.zone}`],
    ["Address", url ? html`<a href=${url} target="_blank" rel="noreferrer">${address}</a>` : address],
    ["Launched", dateTime(instance.launched_at)],
    ["Serves", shard === null ? null : `shard ${shard} of the search service`],
    ["Fleet", instance.fleet],
  ];
}

/** @param {{ rows: IsolationRow[] }} props */
function Isolation({ rows }) {
  /** @param {IsolationRow} row */
  const item = ({ name, enforced, why }) => html`<li class=${enforced ? "enforced" : "not-enforced"}>
    <b>${enforced ? "■" : "□"} ${name}</b>${why && html`<span>: ${why}</span>`}</li>`;
  /** @param {boolean} enforced */
  const list = (enforced) => {
    const some = rows.filter((row) => row.enforced === enforced);
    return some.length > 0 && html`<h3>${enforced ? "Enforced" : "Not enforced"}</h3>
      <ul class="isolation-list">${some.map(item)}</ul>`;
  };
  return html`<section><h2>Isolation</h2>${[true, false].map(list)}</section>`;
}

/** @param {{ id: string }} props */
function UserData({ id }) {
  const session = useStore((state) => state.session);
  const [data, setData] = useState(/** @type {any} */ (null));
  const canAct = session.can_act;
  useEffect(() => {
    let current = true;
    if (canAct)
      get(`/api/instances/${id}/user-data`).then(
        (found) => current && setData(found),
        ({ message }) => current && setData({ error: message }),
      );
    return () => (current = false);
  }, [id, canAct]);
  let content = html`<p class="quiet">None.</p>`;
  if (!canAct) content = html`<p class="quiet">User data may hold secrets. ${VIEW_ONLY}</p>`;
  else if (!data) content = html`<p class="wait">Loading …</p>`;
  else if (data.error) content = html`<p class="bad">${data.error}</p>`;
  else if (data.bytes)
    content = html`<pre tabindex="0" aria-label="User data">${data.text}</pre>
      <p class="quiet">${count(data.bytes)} bytes</p>`;
  return html`<section><h2>User data</h2>${content}</section>`;
}
