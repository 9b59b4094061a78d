// @ts-check
// The limits of an instance beside what it uses, this minute; and for each limit whether it is enforced, and why not.

import { html } from "../lib/ui.js";
import { cores, count, mib, percent } from "../lib/format.js";
import { Sparkline } from "../lib/sparkline.js";
import { useStore } from "../lib/store.js";
import { Term } from "../lib/terms.js";
import { lastMinute, share, valuesOf } from "./metrics.js";

/**
 * @typedef {{ name: string, title: string, limit: string, used?: Figure, format?: (value: Figure) => string,
 *   top?: number, mark?: number, values?: Figure[], more?: unknown }} Resource
 */

/** @param {{ instance: Instance }} props */
export function Resources({ instance }) {
  const seconds = useStore((state) => state.seconds);
  const cloud = useStore((state) => state.cloud);
  const { limits } = instance;
  if (!limits) return html`<p class="quiet">The limits are not known.</p>`;
  const rows = resourcesOf(limits, lastMinute(seconds, instance.id));
  const heads = ["Resource", "Limit", "Used now", "% of limit", "This minute", "Enforced"];
  /** @param {Resource} row */
  const line = (row) => html`<${Row} key=${row.name} row=${row}
    isolation=${(cloud?.drivers[instance.driver] ?? cloud)?.isolation.find((each) => each.name === row.name)} />`;
  return html`<table class="resources stacks"><caption>Limits and use</caption>
    <thead><tr>${heads.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
    <tbody>${rows.map(line)}</tbody></table>`;
}

/** @param {Limits} limits @param {import("./metrics.js").Minute} minute @returns {Resource[]} */
function resourcesOf(limits, minute) {
  const { cpu_guaranteed_cores, cpu_quota_cores } = limits;
  const { cpu, memory_mib, pids, throttled } = minute.now;
  const throttledShare = throttled === null || throttled === undefined ? "–" : percent(throttled / 100);
  return [
    {
      name: "cpu",
      title: "CPU",
      used: cpu,
      format: cores,
      top: cpu_quota_cores,
      mark: cpu_guaranteed_cores,
      values: valuesOf(minute, "cpu"),
      limit: `${cores(cpu_guaranteed_cores)} guaranteed, at most ${cores(cpu_quota_cores)}\u00a0cores`,
      more: html`<${Term} name="throttled" /> ${throttledShare}`,
    },
    {
      name: "memory",
      title: "Memory",
      used: memory_mib,
      format: mib,
      top: limits.memory_mib,
      values: valuesOf(minute, "memory_mib"),
      limit: `${mib(limits.memory_mib)}, no swap`,
    },
    {
      name: "pids",
      title: "Processes",
      used: pids,
      format: count,
      top: limits.pids,
      values: valuesOf(minute, "pids"),
      limit: `${count(limits.pids)} at once`,
    },
    { name: "network", title: "Network", limit: `${count(limits.network_mbps)}\u00a0Mbit/s` },
    { name: "disk", title: "Root disk", limit: `${count(limits.disk_gib)}\u00a0GiB` },
  ];
}

/** @param {{ row: Resource, isolation?: IsolationRow }} props */
function Row({ row, isolation }) {
  const { top, mark } = row;
  const used = share(row.used, top);
  const x = top && mark ? (mark / top) * 1000 : 0;
  const gauge = top && html`<svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
      <rect class="free" width="1000" height="20" />
      <rect class="used" width=${Math.min(1, used ?? 0) * 1000} height="20" />
      ${mark && html`<line x1=${x} x2=${x} y1="0" y2="20" />`}</svg><span>${percent(used)}</span>`;
  return html`<tr><th scope="row">${row.title}</th><td data-label="Limit">${row.limit}</td>
    <td data-label="Used now">${top ? row.format?.(row.used) : "not measured"}${
      row.more && html`<br /><small>${row.more}</small>`
    }</td>
    <td data-label="% of limit" class="gauge">${gauge}</td>
    <td data-label="This minute">${top && html`<${Sparkline} values=${row.values} top=${top} />`}</td>
    <td data-label="Enforced">${enforced(isolation)}</td></tr>`;
}

/** @param {IsolationRow | undefined} isolation */
function enforced(isolation) {
  if (!isolation) return "–";
  if (!isolation.enforced) return `□ no: ${isolation.why}`;
  return `■ yes${isolation.why && `: ${isolation.why}`}`;
}
