// All that is known of an instance: facts, tags, its walls, and the user data that it was launched with.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { count } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { READ_ONLY } from "./acting.js";
import { moment } from "./figures.js";

export function Summary({ instance }) {
  const cloud = useStore((state) => state.cloud);
  const address = instance.address && `${instance.address}${instance.port ? `:${instance.port}` : ""}`;
  const facts = [
    ["What it is", `${cloud?.one || cloud?.driver}; this cloud is of ${cloud?.stands_for}`],
    ["State since", instance.changed_at && moment(instance.changed_at)],
    ["Reason", instance.reason && `${instance.reason.code}: ${instance.reason.message.replace(`${instance.reason.code}: `, "")}`],
    ["Type", instance.type],
    ["Image", instance.image],
    ["Host and zone", `${instance.host} in ${instance.zone}`],
    ["Address", address],
    ["Launched", moment(instance.launched_at)],
    ["Serves", instance.shard === null ? null : `shard ${instance.shard} of the search`],
    ["Fleet", instance.fleet],
  ];
  return html`<div class="summary">
    <section><h2>Facts</h2><dl class="facts">${facts.map(([name, value]) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>
    <section><h2>Tags</h2>${Object.keys(instance.tags).length ? html`<dl class="facts">${Object.entries(instance.tags).map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>`)}</dl>` : html`<p class="quiet">It has none.</p>`}</section>
    <${Walls} walls=${cloud?.walls ?? []} />
    <${UserData} id=${instance.id} />
  </div>`;
}

const Walls = ({ walls }) => html`<section><h2>Its walls</h2><ul class="walls">${walls.map(
  (wall) => html`<li class=${wall.enforced ? "holds" : "open"}><b>${wall.enforced ? "■" : "□"} ${wall.name}</b> <span>${wall.enforced ? "holds" : "not enforced"}${wall.why && `: ${wall.why}`}</span></li>`,
)}</ul></section>`;

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
    ? html`<p class="quiet">It may hold secrets; ${READ_ONLY}.</p>`
    : !told
      ? html`<p class="wait">Asking …</p>`
      : told.error
        ? html`<p class="bad">${told.error}</p>`
        : told.bytes
          ? html`<pre tabindex="0" aria-label="User data">${told.text}</pre><p class="quiet">${count(told.bytes)} bytes</p>`
          : html`<p class="quiet">It was launched with none.</p>`;
  return html`<section><h2>User data</h2>${shown}</section>`;
}
