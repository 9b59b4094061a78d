// @ts-check
// Hosts: capacity, reservations and use of each, drawn to one scale; and what still fits where.

import { html } from "../lib/ui.js";
import { cores, cpus, mib, plural } from "../lib/format.js";
import { InstanceState } from "../lib/instance_state.js";
import { useStore } from "../lib/store.js";
import { Term } from "../lib/terms.js";
import { CapacityBar } from "./capacity_bar.js";
import { reserving, totalUse } from "./reservations.js";
import { TypesThatFit } from "./types_that_fit.js";

export function Hosts() {
  const hosts = useStore((state) => state.hosts);
  const instances = useStore((state) => state.instances);
  const seconds = useStore((state) => state.seconds);
  const cloud = useStore((state) => state.cloud);
  const uses = [...seconds.values()].at(-1)?.instances ?? {};
  /** @param {Host} host */
  const box = (host) => html`<${HostBox} key=${host.id} host=${host} hosts=${hosts} uses=${uses}
    instances=${[...instances.values()].filter((each) => each.host === host.id)} />`;
  return html`<article class="page hosts">
    <h1>Hosts</h1>
    <p>${overcommitText(cloud?.overcommit ?? 1)}</p>
    ${cloud?.notes.map((note) => html`<p>Note: ${note}.</p>`)}
    <p class="quiet">Upper bar: allocated to each instance, then free. Lower bar: in use.</p>
    <div class="two">${hosts.map(box)}</div>
    <${TypesThatFit} hosts=${hosts} />
  </article>`;
}

/** @param {number} factor */
function overcommitText(factor) {
  if (factor > 1)
    return html`Overcommit ${factor}: ${factor} times the real capacity can be allocated, and instances slow each other
      down when all use their share at the same time.`;
  return html`Overcommit 1: every instance can use its guaranteed share at the same time.
    ${" "}<code>glasscloud up --overcommit 4</code> allows more.`;
}

/** @param {Host} host @param {Cloud | null} cloud */
function cpuText(host, cloud) {
  const own = cpus(host.cpus);
  if (host.shared) return `Its instances share CPU ${own} with those of other hosts.`;
  const enforced = (cloud?.drivers[host.driver] ?? cloud)?.isolation.find((each) => each.name === "cores")?.enforced;
  const where = enforced ? `run on CPU ${own} only` : `start on CPU ${own} (not enforced)`;
  return html`Its instances ${where}. ${cores(host.cpu_cores)} of ${plural(host.cpus.length, "core")} can be guaranteed;
    they also get the rest while the platform, the front end and the load are idle.`;
}

/**
 * @param {{ host: Host, hosts: Host[], instances: Instance[], uses: Record<string, InstanceSecond> }} props
 */
function HostBox({ host, hosts, instances, uses }) {
  const cloud = useStore((state) => state.cloud);
  const reserved = reserving(instances);
  const used = totalUse(reserved, uses);
  return html`<section class="host-box" aria-label="Host ${host.id}">
    <h2><${Term} name="host">${host.id}<//> <small>${host.zone}</small></h2>
    <${CapacityBar} label="CPU" of=${host.cpu_cores} largest=${Math.max(...hosts.map((each) => each.cpu_cores))}
      used=${used.cpu} unit=" cores" format=${cores}
      parts=${reserved.map((each) => ({ each, size: each.limits.cpu_guaranteed_cores }))} />
    <${CapacityBar} label="Memory" of=${host.memory_mib} largest=${Math.max(...hosts.map((each) => each.memory_mib))}
      used=${used.memory_mib} unit="" format=${mib}
      parts=${reserved.map((each) => ({ each, size: each.limits.memory_mib }))} />
    ${host.cpus?.length > 0 && html`<p class="quiet">${cpuText(host, cloud)}</p>`}
    <p class="quiet">${host.enforced ? "■ Host limit enforced" : "□ Host limit not enforced"}${
      host.why && `: ${host.why}`
    }</p>
    <h3>${plural(reserved.length, "instance")} here</h3>
    ${reserved.length > 0 && html`<${Reservations} instances=${reserved} uses=${uses} />`}
  </section>`;
}

const HEADS = ["Instance", "State", "Type", "CPU allocated", "CPU used", "Memory allocated", "Memory used"];

/**
 * @param {{ instances: (Instance & { limits: Limits })[], uses: Record<string, InstanceSecond> }} props
 */
function Reservations({ instances, uses }) {
  /** @param {Instance & { limits: Limits }} each */
  const row = (each) => html`<tr key=${each.id}>
    <th scope="row"><a href="#/instances/${each.id}">${each.short}</a></th>
    <td data-label="State"><${InstanceState} instance=${each} brief=${true} /></td>
    <td data-label="Type">${each.type}</td>
    <td data-label="CPU allocated">${cores(each.limits.cpu_guaranteed_cores)}</td>
    <td data-label="CPU used">${cores(uses[each.id]?.cpu)}</td>
    <td data-label="Memory allocated">${mib(each.limits.memory_mib)}</td>
    <td data-label="Memory used">${mib(uses[each.id]?.memory_mib)}</td></tr>`;
  return html`<table class="reservations stacks">
    <thead><tr>${HEADS.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
    <tbody>${instances.map(row)}</tbody></table>`;
}
