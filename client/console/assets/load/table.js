// The same figures as charts and heat map, as a table: a row for each ten seconds, or more in a long run.

import { html } from "../lib/ui.js";
import { count, ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { clockOf, spoken } from "./marks.js";

/** The columns put together to rows of one window each, the newest first; their percentiles are the window's. Pure. */
export function rowsOf(course) {
  const per = Math.max(1, Math.round(course.window_s / course.column_s));
  const rows = [];
  for (let begin = 0; begin < course.columns.length; begin += per) {
    const part = course.columns.slice(begin, begin + per);
    const last = part[part.length - 1];
    const whole = part.length === per;
    const sum = (name) => part.reduce((total, column) => total + column[name], 0);
    rows.push({
      from: part[0].began_s, until: last.began_s + last.seconds, offered: sum("offered"), ok: sum("ok"), failed: sum("failed"),
      // The window of a row that is not full reaches into the row before.
      p50: whole ? last.p50 : null, p90: whole ? last.p90 : null, p99: whole ? last.p99 : null,
      max: part.reduce((most, column) => (column.max === null ? most : Math.max(most ?? 0, column.max)), null),
    });
  }
  return rows.reverse();
}

export function CourseTable({ course }) {
  const instances = useStore((state) => state.instances);
  return html`<details class="twin"><summary>The same figures as a table</summary>
    <table class="stacks"><caption>The figures of the charts</caption><thead><tr><th scope="col">time</th><th scope="col" class="n">due</th><th scope="col" class="n">answered well</th><th scope="col" class="n">failed</th><th scope="col" class="n">p50</th><th scope="col" class="n">p90</th><th scope="col" class="n">p99</th><th scope="col" class="n">slowest</th></tr></thead>
      <tbody>${rowsOf(course).map((row) => html`<tr key=${row.from}><th scope="row">${clockOf(row.from)} to ${clockOf(row.until)}</th>
        <td class="n" data-label="due">${count(row.offered)}</td>
        <td class="n" data-label="answered well">${count(row.ok)}</td>
        <td class="n ${row.failed ? "bad" : ""}" data-label="failed">${count(row.failed)}</td>
        <td class="n" data-label="p50">${ms(row.p50)}</td>
        <td class="n" data-label="p90">${ms(row.p90)}</td>
        <td class="n" data-label="p99">${ms(row.p99)}</td>
        <td class="n" data-label="slowest">${ms(row.max)}</td></tr>`)}</tbody></table>
    ${course.marks.length > 0 && html`<h3>What happened</h3><ol class="marks">${spoken(course.marks, instances).map((mark) => html`<li><time>${clockOf(mark.at_s)}</time> ${mark.text}</li>`)}</ol>`}
  </details>`;
}
