// @ts-check
// The figures of charts and heat map as a table: a row for each ten seconds, or more in a long run.

import { html } from "../lib/ui.js";
import { count, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { clockOf, withShortIds } from "./marks.js";

/**
 * The columns combined to rows of one window each, newest first; their percentiles are the window's. Pure.
 * @param {Timeline} timeline
 */
export function rowsOf(timeline) {
  const size = Math.max(1, Math.round(timeline.window_s / timeline.column_s));
  const rows = [];
  for (let start = 0; start < timeline.columns.length; start += size) {
    const part = timeline.columns.slice(start, start + size);
    const last = part[part.length - 1];
    const full = part.length === size;
    /** @param {"offered" | "ok" | "failed"} name */
    const sum = (name) => part.reduce((total, column) => total + column[name], 0);
    const slowest = part.flatMap((column) => (column.max === null ? [] : [column.max]));
    rows.push({
      from: part[0].began_s,
      until: last.began_s + last.seconds,
      offered: sum("offered"),
      ok: sum("ok"),
      failed: sum("failed"),
      // The window of a row that is not full includes seconds of the row before.
      p50: full ? last.p50 : null,
      p90: full ? last.p90 : null,
      p99: full ? last.p99 : null,
      max: slowest.length ? Math.max(...slowest) : null,
    });
  }
  return rows.reverse();
}

const HEADS = ["due", "succeeded", "failed", "p50", "p90", "p99", "slowest"];

/** @param {{ timeline: Timeline }} props */
export function TimelineTable({ timeline }) {
  const instances = useStore((state) => state.instances);
  /** @param {ReturnType<typeof rowsOf>[number]} row */
  const line = (row) => html`<tr key=${row.from}><th scope="row">${clockOf(row.from)} to ${clockOf(row.until)}</th>
    <td class="n" data-label="due">${count(row.offered)}</td>
    <td class="n" data-label="succeeded">${count(row.ok)}</td>
    <td class="n ${row.failed ? "bad" : ""}" data-label="failed">${count(row.failed)}</td>
    <td class="n" data-label="p50">${ms(row.p50)}</td>
    <td class="n" data-label="p90">${ms(row.p90)}</td>
    <td class="n" data-label="p99">${ms(row.p99)}</td>
    <td class="n" data-label="slowest">${ms(row.max)}</td></tr>`;
  const marks = withShortIds(timeline.marks, instances);
  /** @param {Mark} mark */
  const event = (mark) => html`<li><time>${clockOf(mark.at_s)}</time> ${mark.text}</li>`;
  return html`<details><summary>The same figures as a table</summary>
    <table class="stacks"><caption>The figures of the charts</caption>
      <thead><tr><th scope="col">time</th>${HEADS.map(
        (each) => html`<th scope="col" class="n">${each}</th>`,
      )}</tr></thead>
      <tbody>${rowsOf(timeline).map(line)}</tbody></table>
    ${marks.length > 0 && html`<h3>What happened</h3><ol class="marks">${marks.map(event)}</ol>`}
  </details>`;
}
