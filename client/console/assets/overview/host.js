// A host: its capacity as two bars drawn to scale, what is promised of it, what is free, and its instances.

import { html } from "../lib/ui.js";
import { cores, mib } from "../lib/format.js";
import { Word } from "../lib/words.js";
import { Card } from "./card.js";

const LIVE = new Set(["pending", "running", "stopping"]);

export function Host({ host, hosts, instances }) {
  const holding = instances.filter((each) => LIVE.has(each.state) && each.limits);
  return html`<section class="host" aria-label="Host ${host.id}">
    <h2><${Word} name="host">${host.id}<//> <small>${host.zone}</small></h2>
    <${Capacity} word="CPU" of=${host.cpu_cores} largest=${Math.max(...hosts.map((each) => each.cpu_cores))}
      parts=${holding.map((each) => ({ each, size: each.limits.cpu_guaranteed_cores }))} told=${(n) => `${cores(n)} cores`} />
    <${Capacity} word="Memory" of=${host.memory_mib} largest=${Math.max(...hosts.map((each) => each.memory_mib))}
      parts=${holding.map((each) => ({ each, size: each.limits.memory_mib }))} told=${mib} />
    <div class="cards ${instances.length > 8 ? "dense" : ""}">${instances.map((each) => html`<${Card} key=${each.id} instance=${each} />`)}
      ${!instances.length && html`<p class="quiet">no instances here</p>`}</div>
  </section>`;
}

function Capacity({ word, of, largest, parts, told }) {
  const used = parts.reduce((sum, part) => sum + part.size, 0);
  let x = 0;
  return html`<div class="capacity">
    <span class="what">${word}</span>
    <svg viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label="${word}: ${told(used)} of ${told(of)} promised">
      <rect class="free" width=${(of / largest) * 1000} height="20" />
      ${parts.map((part) => {
        const width = (part.size / largest) * 1000;
        const rect = html`<rect class="part is-${part.each.state}" x=${x + 1} width=${Math.max(1, width - 2)} height="20"><title>${part.each.short}: ${told(part.size)}</title></rect>`;
        x += width;
        return rect;
      })}
    </svg>
    <span class="much">${told(used)} of ${told(of)}</span>
  </div>`;
}
