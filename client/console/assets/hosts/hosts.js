// Hosts: what each has, has reserved and uses, drawn to one scale; and what still fits where.

import { html } from "../lib/ui.js";
import { cores, cpus, mib, plural } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";
import { Bar } from "./bar.js";
import { Fits } from "./fits.js";
import { placed, usedOn } from "./placed.js";
import { State } from "../lib/state.js";

export function Hosts() {
  const hosts = useStore((state) => state.hosts);
  const instances = useStore((state) => state.instances);
  const seconds = useStore((state) => state.seconds);
  const cloud = useStore((state) => state.cloud);
  const machines = [...seconds.values()].at(-1)?.machines ?? {};
  return html`<article class="page hosts">
    <h1>Hosts</h1>
    <p>${overcommit(cloud?.overcommit ?? 1)}</p>
    <p class="quiet">Upper bar: reserved per instance, then free. Lower bar: in use.</p>
    <div class="two">${hosts.map((host) => html`<${Host} key=${host.id} host=${host} hosts=${hosts} instances=${[...instances.values()].filter((each) => each.host === host.id)} machines=${machines} />`)}</div>
    <${Fits} hosts=${hosts} />
  </article>`;
}

const overcommit = (factor) =>
  factor > 1
    ? `Oversold ${factor} times (overcommit ${factor}): more instances fit, but they slow each other down when all use their share at the same time.`
    : html`Nothing is oversold (overcommit 1): every instance can have its guaranteed share at the same time. <code>glasscloud up --overcommit 4</code> oversells.`;

function onCpus(host, cloud) {
  const own = cpus(host.cpus);
  if (host.shared) return `Its instances share CPU ${own} with those of other hosts.`;
  const held = cloud?.walls.find((each) => each.name === "cores")?.enforced;
  const where = held ? `Its instances run on CPU ${own} only.` : `Its instances start on CPU ${own} (not enforced).`;
  return `${where} ${cores(host.cpu_cores)} of ${plural(host.cpus.length, "core")} can be guaranteed; they also get the rest while the platform, the front end and the load are idle.`;
}

function Host({ host, hosts, instances, machines }) {
  const cloud = useStore((state) => state.cloud);
  const parts = placed(instances);
  const used = usedOn(parts, machines);
  return html`<section class="host-box" aria-label="Host ${host.id}">
    <h2><${Word} name="host">${host.id}<//> <small>${host.zone}</small></h2>
    <${Bar} what="CPU" of=${host.cpu_cores} largest=${Math.max(...hosts.map((each) => each.cpu_cores))} used=${used.cpu} unit=" cores" told=${cores}
      parts=${parts.map((each) => ({ each, size: each.limits.cpu_guaranteed_cores }))} />
    <${Bar} what="Memory" of=${host.memory_mib} largest=${Math.max(...hosts.map((each) => each.memory_mib))} used=${used.memory_mib} unit="" told=${mib}
      parts=${parts.map((each) => ({ each, size: each.limits.memory_mib }))} />
    ${host.cpus?.length > 0 && html`<p class="quiet">${onCpus(host, cloud)}</p>`}
    <p class="quiet">${host.enforced ? "■ Limited as a whole" : "□ Not limited as a whole"}${host.why && `: ${host.why}`}</p>
    <h3>${plural(parts.length, "instance")} here</h3>
    ${parts.length > 0 && html`<table class="placed stacks"><thead><tr><th scope="col">Instance</th><th scope="col">State</th><th scope="col">Type</th><th scope="col">CPU reserved</th><th scope="col">CPU used</th><th scope="col">Memory reserved</th><th scope="col">Memory used</th></tr></thead>
      <tbody>${parts.map((each) => html`<tr key=${each.id}><th scope="row"><a href="#/instances/${each.id}">${each.short}</a></th><td data-label="State"><${State} instance=${each} /></td><td data-label="Type">${each.type}</td>
        <td data-label="CPU reserved">${cores(each.limits.cpu_guaranteed_cores)}</td><td data-label="CPU used">${cores(machines[each.id]?.cpu)}</td><td data-label="Memory reserved">${mib(each.limits.memory_mib)}</td><td data-label="Memory used">${mib(machines[each.id]?.memory_mib)}</td></tr>`)}</tbody></table>`}
  </section>`;
}
