// One instance of the table. The labels in data-label stand before the values where the table becomes cards.

import { html } from "../lib/ui.js";
import { mib, ms, percent, rate } from "../lib/format.js";
import { Spark } from "../lib/spark.js";
import { State } from "../lib/state.js";
import { current } from "../lib/store.js";
import { Menu } from "./acting.js";
import { age, line, minuteOf, nameOf, share } from "./figures.js";

export function Row({ instance, seconds, fresh, say }) {
  const minute = minuteOf(seconds, instance.id);
  const { now } = minute;
  const limits = instance.limits;
  const runs = instance.state === "running";
  const figure = (label, text, name, top) => html`<td data-label=${label} class="figure">${runs ? html`<span>${text}</span><${Spark} values=${line(minute, name)} top=${top} />` : "–"}</td>`;
  return html`<tr class="is-${instance.state} ${fresh ? "fresh" : ""}">
    <td data-label="State"><${State} instance=${instance} /></td>
    <th scope="row" data-label="Instance"><a href="#/instances/${instance.id}" title=${instance.id}>${instance.short}</a>${fresh && html` <small>new</small>`}</th>
    <td data-label="Name" class="name" title=${nameOf(instance)}><bdi>${nameOf(instance) || "–"}</bdi></td>
    <td data-label="Type">${instance.type}</td>
    <td data-label="Host">${instance.host}</td>
    <td data-label="Shard">${instance.shard ?? "–"}</td>
    ${figure("req/s", rate(now.req_s), "req_s")}
    ${figure("p99", ms(now.p99_ms), "p99_ms")}
    ${figure("CPU (of limit)", percent(share(now.cpu, limits?.cpu_quota_cores)), "cpu", limits?.cpu_quota_cores)}
    ${figure("Memory", html`${mib(now.memory_mib)}<small> of ${mib(limits?.memory_mib)}</small>`, "memory_mib", limits?.memory_mib)}
    <td data-label="Age">${age((current().now ?? instance.launched_at) - instance.launched_at)}</td>
    <td data-label="Fleet" title=${instance.fleet}>${instance.fleet?.slice(0, 10) ?? "–"}</td>
    <td class="doing">${instance.state === "terminated" ? "" : html`<${Menu} instance=${instance} say=${say} />`}</td>
  </tr>`;
}
