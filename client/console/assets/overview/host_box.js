// @ts-check
// A host: its capacity as two bars drawn to scale, what of it is reserved, and its instances.

import { html } from "../lib/ui.js";
import { cores, cpus, mib } from "../lib/format.js";
import { Term } from "../lib/terms.js";
import { reserving } from "../hosts/reservations.js";
import { recentlyDied, rowsOf } from "./dead_instances.js";
import { DeadCard, InstanceCard } from "./instance_card.js";

const DENSE_FROM = 7;

/** @param {{ host: Host, hosts: Host[], instances: Instance[], now: number }} props */
export function HostBox({ host, hosts, instances, now }) {
  const reserved = reserving(instances);
  const dense = instances.length >= DENSE_FROM;
  /** @param {Instance} each */
  const card = (each) =>
    recentlyDied(each, now)
      ? html`<${DeadCard} key=${each.id} instance=${each} />`
      : html`<${InstanceCard} key=${each.id} instance=${each} dense=${dense} />`;
  /** @param {Instance[]} row */
  const rowOf = (row) =>
    row.length === 1 || dense ? row.map(card) : html`<div class="pair" key=${row[0].id}>${row.map(card)}</div>`;
  return html`<section class="host" aria-label="Host ${host.id}">
    <header>
      <h2><${Term} name="host">${host.id}<//>${" "}
        <small>${host.zone}${host.cpus?.length > 0 && `, CPU ${cpus(host.cpus)}`}</small></h2>
      <${Capacity} label="CPU" of=${host.cpu_cores} largest=${Math.max(...hosts.map((each) => each.cpu_cores))}
        parts=${reserved.map((each) => ({ each, size: each.limits.cpu_guaranteed_cores }))} format=${cores}
        unit=" cores" />
      <${Capacity} label="Memory" of=${host.memory_mib} largest=${Math.max(...hosts.map((each) => each.memory_mib))}
        parts=${reserved.map((each) => ({ each, size: each.limits.memory_mib }))} format=${mib} unit="" />
    </header>
    <div class="cards ${dense ? "dense" : ""}">${rowsOf(instances, now).map(rowOf)}
      ${!instances.length && html`<p class="quiet">No instances here.</p>`}</div>
  </section>`;
}

/** @typedef {{ each: Instance, size: number }} Part */

/**
 * @param {{ label: string, of: number, largest: number, parts: Part[], format: (value: number) => string,
 *   unit: string }} props
 */
function Capacity({ label, of, largest, parts, format, unit }) {
  const used = parts.reduce((sum, part) => sum + part.size, 0);
  let x = 0;
  return html`<div class="capacity">
    <span class="what">${label} <${Term} name="allocated">allocated<//>${" "}
      <span class="of">${format(used)} of ${format(of)}${unit}</span></span>
    <svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
      <rect class="free" width=${(of / largest) * 1000} height="20" />
      ${parts.map((part) => {
        const width = (part.size / largest) * 1000;
        const shown = Math.max(1, width - 2);
        const rect = html`<rect class="part is-${part.each.state}" x=${x + 1} width=${shown} height="20">
          <title>${part.each.short}: ${format(part.size)}</title></rect>`;
        x += width;
        return rect;
      })}
    </svg>
  </div>`;
}
