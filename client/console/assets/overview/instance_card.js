// @ts-check
// An instance on the stage: what it is, its state, and the last minute of what it does and uses.

import { html } from "../lib/ui.js";
import { clock, mib, ms, percent, rate } from "../lib/format.js";
import { InstanceState } from "../lib/instance_state.js";
import { Sparkline } from "../lib/sparkline.js";
import { useStore } from "../lib/store.js";
import { Term } from "../lib/terms.js";
import { lastMinute, share, valuesOf, webAddress } from "../instances/metrics.js";

/**
 * `dense`: a small tile without lines, for hosts with many instances.
 * @param {{ instance: Instance, dense?: boolean }} props
 */
export function InstanceCard({ instance, dense }) {
  const seconds = useStore((state) => state.seconds);
  const minute = lastMinute(seconds, instance.id);
  const { now } = minute;
  const { limits, shard } = instance;
  const use = [
    {
      name: "CPU",
      value: percent(share(now.cpu, limits?.cpu_quota_cores)),
      line: valuesOf(minute, "cpu"),
      top: limits?.cpu_quota_cores,
    },
    { name: "memory", value: mib(now.memory_mib), line: valuesOf(minute, "memory_mib"), top: limits?.memory_mib },
  ];
  const service = [
    { name: "req/s", value: rate(now.req_s), line: valuesOf(minute, "req_s"), top: undefined },
    { name: html`p99 <small>10 s</small>`, value: ms(now.p99_ms), line: valuesOf(minute, "p99_ms"), top: undefined },
  ];
  const figures = shard === null ? use : [...service, ...use];
  const role =
    shard === null ? html`<${OwnInstance} instance=${instance} />` : html`<${Term} name="shard">shard ${shard}<//>`;
  const faulty = instance.faults.length ? "faulty" : "";
  return html`<article class="card is-${instance.state} ${faulty}" data-anchor=${instance.id}>
    <h3><a href="#/instances/${instance.id}">${instance.short}</a>
      <${InstanceState} instance=${instance} brief=${true} /></h3>
    <p class="kind">${instance.type}, ${role}</p>
    <dl>${(dense ? figures.slice(0, 2) : figures).map(
      (each) => html`<div><dt>${each.name}</dt><dd>${each.value}</dd>${
        !dense && html`<${Sparkline} values=${each.line} top=${each.top} />`
      }</div>`,
    )}</dl>
  </article>`;
}

/**
 * The name of an instance that does not belong to the search service, and a link to it if this browser reaches it.
 * @param {{ instance: Instance }} props
 */
function OwnInstance({ instance }) {
  const url = webAddress(instance);
  return html`<bdi>${instance.tags.Name || "no name"}</bdi>
    ${url && html` <a href=${url} target="_blank" rel="noreferrer">Open</a>`}`;
}

/** An instance that has just died. @param {{ instance: Instance }} props */
export function DeadCard({ instance }) {
  const { how = "", at = 0 } = instance.death ?? {};
  return html`<article class="card dead" data-anchor=${instance.id}>
    <h3><a href="#/instances/${instance.id}">${instance.short}</a></h3>
    <p class="death"><span class="shape" aria-hidden="true">✕</span> ${how} ${clock(at)}</p></article>`;
}
