// An instance on the stage: what it is, how it is, and the last minute of what it does and uses.

import { html } from "../lib/ui.js";
import { clock, mib, ms, percent, rate } from "../lib/format.js";
import { Spark } from "../lib/spark.js";
import { State } from "../lib/state.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";
import { webAddress } from "../instances/figures.js";

/** `dense`: a small tile for hosts with many, which shows its figures in words only. */
export function Card({ instance, dense }) {
  const seconds = useStore((state) => state.seconds);
  const all = [...seconds.values()].map((each) => each.machines[instance.id] ?? {});
  const now = all.at(-1) ?? {};
  const { limits, shard } = instance;
  const share = now.cpu === null || now.cpu === undefined ? null : now.cpu / limits?.cpu_quota_cores;
  const used = [
    { name: "CPU", value: percent(share), line: all.map((each) => each.cpu), top: limits?.cpu_quota_cores },
    { name: "memory", value: mib(now.memory_mib), line: all.map((each) => each.memory_mib), top: limits?.memory_mib },
  ];
  const served = [
    { name: "req/s", value: rate(now.req_s), line: all.map((each) => each.req_s) },
    { name: html`p99 <small>10 s</small>`, value: ms(now.p99_ms), line: all.map((each) => each.p99_ms) },
  ];
  const figures = shard === null ? used : [...served, ...used];
  return html`<article class="card is-${instance.state} ${instance.hogging ? "hogs" : ""}" data-anchor=${instance.id}>
    <h3><a href="#/instances/${instance.id}">${instance.short}</a> <${State} instance=${instance} brief=${true} /></h3>
    <p class="kind">${instance.type}, ${shard === null ? html`<${Own} instance=${instance} />` : html`<${Word} name="shard">shard ${shard}<//>`}</p>
    <dl>${(dense ? figures.slice(0, 2) : figures).map(
      (each) => html`<div><dt>${each.name}</dt><dd>${each.value}</dd>${!dense && html`<${Spark} values=${each.line} top=${each.top} />`}</div>`,
    )}</dl>
  </article>`;
}

/** The name of an instance that does not belong to the search service, and a link to it where this browser reaches it. */
function Own({ instance }) {
  const url = webAddress(instance);
  return html`<bdi>${instance.tags.Name || "no name"}</bdi>
    ${url && html` <a href=${url} target="_blank" rel="noreferrer">Open</a>`}`;
}

/** An instance that has just died, for as long as people need to see it. */
export const Ghost = ({ instance }) => html`<article class="card ghost" data-anchor=${instance.id}>
  <h3><a href="#/instances/${instance.id}">${instance.short}</a></h3>
  <p class="died"><span class="shape" aria-hidden="true">✕</span> ${instance.death.how} ${clock(instance.death.at)}</p></article>`;
