// What an instance may use beside what it uses, this minute; and for each limit whether it is enforced, and why not.

import { html } from "../lib/ui.js";
import { cores, count, mib, percent } from "../lib/format.js";
import { Spark } from "../lib/spark.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";
import { line, minuteOf, share } from "./figures.js";

export function Resources({ instance }) {
  const seconds = useStore((state) => state.seconds);
  const cloud = useStore((state) => state.cloud);
  const limits = instance.limits;
  if (!limits) return html`<p class="quiet">The limits are not known.</p>`;
  const minute = minuteOf(seconds, instance.id);
  const { now } = minute;
  const rows = [
    {
      wall: "cpu", title: "CPU", used: now.cpu, told: cores, top: limits.cpu_quota_cores, mark: limits.cpu_guaranteed_cores, values: line(minute, "cpu"),
      limit: `${cores(limits.cpu_guaranteed_cores)} guaranteed, at most ${cores(limits.cpu_quota_cores)}\u00a0cores`,
      more: html`<${Word} name="throttled" /> ${now.throttled === null || now.throttled === undefined ? "–" : percent(now.throttled / 100)}`,
    },
    { wall: "memory", title: "Memory", used: now.memory_mib, told: mib, top: limits.memory_mib, values: line(minute, "memory_mib"), limit: `${mib(limits.memory_mib)}, no swap on top` },
    { wall: "pids", title: "Processes", used: now.pids, told: count, top: limits.pids, values: line(minute, "pids"), limit: `${count(limits.pids)} at once` },
    { wall: "network", title: "Network", limit: `${count(limits.network_mbps)}\u00a0Mbit/s` },
    { wall: "disk", title: "Root disk", limit: `${count(limits.disk_gib)}\u00a0GiB` },
  ];
  return html`<table class="resources stacks"><caption>Limits and use</caption><thead><tr><th scope="col">Resource</th><th scope="col">Limit</th><th scope="col">Used now</th><th scope="col">% of limit</th><th scope="col">This minute</th><th scope="col">Enforced</th></tr></thead>
    <tbody>${rows.map((row) => html`<${Resource} key=${row.wall} row=${row} wall=${cloud?.walls.find((each) => each.name === row.wall)} />`)}</tbody></table>`;
}

function Resource({ row, wall }) {
  const part = share(row.used, row.top);
  return html`<tr><th scope="row">${row.title}</th><td data-label="Limit">${row.limit}</td>
    <td data-label="Used now">${row.top ? row.told(row.used) : "not measured"}${row.more && html`<br /><small>${row.more}</small>`}</td>
    <td data-label="% of limit" class="gauge">${row.top && html`<svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true"><rect class="free" width="1000" height="20" />
      <rect class="used" width=${Math.min(1, part ?? 0) * 1000} height="20" />${row.mark && html`<line x1=${(row.mark / row.top) * 1000} x2=${(row.mark / row.top) * 1000} y1="0" y2="20" />`}</svg><span>${percent(part)}</span>`}</td>
    <td data-label="This minute">${row.top && html`<${Spark} values=${row.values} top=${row.top} />`}</td>
    <td data-label="Enforced">${!wall ? "–" : wall.enforced ? `■ yes${wall.why && `: ${wall.why}`}` : `□ no: ${wall.why}`}</td></tr>`;
}
