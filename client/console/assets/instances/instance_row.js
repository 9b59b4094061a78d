// @ts-check
// One instance in the table. The data-label texts precede the values where the table is drawn as cards.

import { html } from "../lib/ui.js";
import { mib, ms, percent, rate } from "../lib/format.js";
import { Sparkline } from "../lib/sparkline.js";
import { InstanceState } from "../lib/instance_state.js";
import { current } from "../lib/store.js";
import { ActionMenu } from "./actions.js";
import { age, lastMinute, nameOf, share, valuesOf } from "./metrics.js";

/**
 * @param {{ instance: Instance, seconds: Map<number, Second>, isNew: boolean,
 *   onResult: (message: string) => void }} props
 */
export function InstanceRow({ instance, seconds, isNew, onResult }) {
  const minute = lastMinute(seconds, instance.id);
  const { now } = minute;
  const { id, state, limits, launched_at, fleet } = instance;
  const name = nameOf(instance);
  /** @param {string} label @param {unknown} text @param {string} key @param {number} [top] */
  const figure = (label, text, key, top) => html`<td data-label=${label} class="figure">${
    state === "running" ? html`<span>${text}</span><${Sparkline} values=${valuesOf(minute, key)} top=${top} />` : "–"
  }</td>`;
  const memory = html`${mib(now.memory_mib)}<small> of ${mib(limits?.memory_mib)}</small>`;
  return html`<tr class="is-${state} ${isNew ? "new" : ""}">
    <td data-label="State"><${InstanceState} instance=${instance} /></td>
    <th scope="row" data-label="Instance"><a href="#/instances/${id}" title=${id}>${instance.short}</a>${
      isNew && html` <small>new</small>`
    }</th>
    <td data-label="Name" class="name" title=${name}><bdi>${name || "–"}</bdi></td>
    <td data-label="Type">${instance.type}</td>
    <td data-label="Host">${instance.host}</td>
    <td data-label="Shard">${instance.shard ?? "–"}</td>
    ${figure("req/s", rate(now.req_s), "req_s")}
    ${figure("p99", ms(now.p99_ms), "p99_ms")}
    ${figure("CPU (of limit)", percent(share(now.cpu, limits?.cpu_quota_cores)), "cpu", limits?.cpu_quota_cores)}
    ${figure("Memory", memory, "memory_mib", limits?.memory_mib)}
    <td data-label="Age">${age((current().now ?? launched_at) - launched_at)}</td>
    <td data-label="Fleet" title=${fleet}>${fleet?.slice(0, 10) ?? "–"}</td>
    <td class="actions-cell">${
      state === "terminated" ? "" : html`<${ActionMenu} instance=${instance} onResult=${onResult} />`
    }</td>
  </tr>`;
}
