// All that is known of an instance: facts, tags, what isolates it, and the user data that it was launched with.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { count } from "../lib/format.js";
import { VIEW_ONLY } from "../lib/may.js";
import { useStore } from "../lib/store.js";
import { moment, webAddress } from "./figures.js";

export function Summary({ instance }) {
  const cloud = useStore((state) => state.cloud);
  const port = instance.port ?? instance.web_port;
  const address = instance.address && `${instance.address}${port ? `:${port}` : ""}`;
  const url = webAddress(instance);
  const facts = [
    ["What it is", cloud?.one || cloud?.driver],
    ["State since", instance.changed_at && moment(instance.changed_at)],
    ["Impaired", instance.impaired],
    ["Reason", instance.reason && `${instance.reason.code}: ${instance.reason.message.replace(`${instance.reason.code}: `, "")}`],
    ["Type", instance.type],
    ["Image", instance.image],
    ["Host and zone", `${instance.host} in ${instance.zone}`],
    ["Address", url ? html`<a href=${url} target="_blank" rel="noreferrer">${address}</a>` : address],
    ["Launched", moment(instance.launched_at)],
    ["Serves", instance.shard === null ? null : `shard ${instance.shard} of the search service`],
    ["Fleet", instance.fleet],
  ];
  return html`<div class="summary">
    <section><h2>Facts</h2><dl class="facts">${facts.map(([name, value]) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>
    <section><h2>Tags</h2>${Object.keys(instance.tags).length ? html`<dl class="facts">${Object.entries(instance.tags).map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>`)}</dl>` : html`<p class="quiet">None.</p>`}</section>
    <${Isolation} walls=${cloud?.walls ?? []} />
    <${UserData} id=${instance.id} />
  </div>`;
}

const Isolation = ({ walls }) => html`<section><h2>Isolation</h2>${[true, false].map((enforced) => {
  const some = walls.filter((wall) => wall.enforced === enforced);
  return some.length > 0 && html`<h3>${enforced ? "Enforced" : "Not enforced"}</h3><ul class="walls">${some.map(
    (wall) => html`<li class=${enforced ? "holds" : "open"}><b>${enforced ? "■" : "□"} ${wall.name}</b>${wall.why && html`<span>: ${wall.why}</span>`}</li>`,
  )}</ul>`;
})}</section>`;

function UserData({ id }) {
  const session = useStore((state) => state.session);
  const [told, tell] = useState(null);
  const may = session.may_act;
  useEffect(() => {
    let here = true;
    if (may) get(`/api/instances/${id}/user-data`).then((data) => here && tell(data), (error) => here && tell({ error: error.message }));
    return () => (here = false);
  }, [id, may]);
  const shown = !may
    ? html`<p class="quiet">User data may hold secrets. ${VIEW_ONLY}</p>`
    : !told
      ? html`<p class="wait">Loading …</p>`
      : told.error
        ? html`<p class="bad">${told.error}</p>`
        : told.bytes
          ? html`<pre tabindex="0" aria-label="User data">${told.text}</pre><p class="quiet">${count(told.bytes)} bytes</p>`
          : html`<p class="quiet">None.</p>`;
  return html`<section><h2>User data</h2>${shown}</section>`;
}
