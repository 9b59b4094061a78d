// A host: its capacity as two bars drawn to scale, what is reserved of it, what is free, and its instances.

import { html } from "../lib/ui.js";
import { cores, cpus, mib } from "../lib/format.js";
import { Word } from "../lib/words.js";
import { Card, Ghost } from "./card.js";
import { isGhost, rowsOf } from "./ghosts.js";

const LIVE = new Set(["pending", "running", "stopping"]);
const DENSE_FROM = 7;

export function Host({ host, hosts, instances, now }) {
  const holding = instances.filter((each) => LIVE.has(each.state) && each.limits);
  const dense = instances.length >= DENSE_FROM;
  const one = (each) => (isGhost(each, now) ? html`<${Ghost} key=${each.id} instance=${each} />` : html`<${Card} key=${each.id} instance=${each} dense=${dense} />`);
  return html`<section class="host" aria-label="Host ${host.id}">
    <header>
      <h2><${Word} name="host">${host.id}<//> <small>${host.zone}${host.cpus?.length > 0 && `, CPU ${cpus(host.cpus)}`}</small></h2>
      <${Capacity} word="CPU" of=${host.cpu_cores} largest=${Math.max(...hosts.map((each) => each.cpu_cores))}
        parts=${holding.map((each) => ({ each, size: each.limits.cpu_guaranteed_cores }))} told=${cores} unit=" cores" />
      <${Capacity} word="Memory" of=${host.memory_mib} largest=${Math.max(...hosts.map((each) => each.memory_mib))}
        parts=${holding.map((each) => ({ each, size: each.limits.memory_mib }))} told=${mib} unit="" />
    </header>
    <div class="cards ${dense ? "dense" : ""}">${rowsOf(instances, now).map((row) => (row.length === 1 || dense ? row.map(one) : html`<div class="pair" key=${row[0].id}>${row.map(one)}</div>`))}
      ${!instances.length && html`<p class="quiet">No instances here.</p>`}</div>
  </section>`;
}

function Capacity({ word, of, largest, parts, told, unit }) {
  const used = parts.reduce((sum, part) => sum + part.size, 0);
  let x = 0;
  return html`<div class="capacity">
    <span class="what">${word} <${Word} name="reserved">reserved<//> <span class="of">${told(used)} of ${told(of)}${unit}</span></span>
    <svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
      <rect class="free" width=${(of / largest) * 1000} height="20" />
      ${parts.map((part) => {
        const width = (part.size / largest) * 1000;
        const rect = html`<rect class="part is-${part.each.state}" x=${x + 1} width=${Math.max(1, width - 2)} height="20"><title>${part.each.short}: ${told(part.size)}</title></rect>`;
        x += width;
        return rect;
      })}
    </svg>
  </div>`;
}
