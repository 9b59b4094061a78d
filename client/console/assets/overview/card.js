// An instance on the stage: what it is, how it is, and the last minute of what it does and uses.

import { html } from "../lib/ui.js";
import { mib, ms, percent, rate } from "../lib/format.js";
import { Spark } from "../lib/spark.js";
import { State } from "../lib/state.js";
import { useStore } from "../lib/store.js";

export function Card({ instance }) {
  const seconds = useStore((state) => state.seconds);
  const all = [...seconds.values()].map((each) => each.machines[instance.id] ?? {});
  const now = all.at(-1) ?? {};
  const quota = instance.limits?.cpu_quota_cores;
  const share = now.cpu === null || now.cpu === undefined ? null : now.cpu / quota;
  return html`<article class="card is-${instance.state} ${instance.hogging ? "hogs" : ""}" data-anchor=${instance.id}>
    <h3><a href="#/instances/${instance.id}">${instance.short}</a> <${State} instance=${instance} /></h3>
    <p class="kind">${instance.type}${instance.shard === null ? "" : `, shard ${instance.shard}`}</p>
    <dl>
      <${Figure} name="req/s" value=${rate(now.req_s)} line=${all.map((each) => each.req_s)} />
      <${Figure} name="p99" value=${ms(now.p99_ms)} line=${all.map((each) => each.p99_ms)} />
      <${Figure} name="CPU" value=${percent(share)} line=${all.map((each) => each.cpu)} top=${quota} />
      <${Figure} name="mem" value=${mib(now.memory_mib)} line=${all.map((each) => each.memory_mib)} top=${instance.limits?.memory_mib} />
    </dl>
  </article>`;
}

const Figure = ({ name, value, line, top }) => html`<div><dt>${name}</dt><dd>${value}</dd><${Spark} values=${line} top=${top} /></div>`;
