// The two charts: requests per second, sent and answered; and how long answers took.

import { html, useMemo } from "../lib/ui.js";
import { ms, rate } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { Chart, spanOf } from "./chart.js";
import { settled } from "./course.js";
import { spoken } from "./marks.js";
import { shortTime } from "./scales.js";

const RATES = [
  { name: "sent", colour: "--soft", width: 3, step: true, told: rate },
  { name: "answered well", colour: "--blue", width: 2, told: rate },
  { name: "failed", colour: "--red", width: 2, dash: [6, 3], told: rate },
];
const TIMES = [
  { name: "p50", colour: "--green", width: 2, told: ms },
  { name: "p90", colour: "--amber", width: 2, dash: [8, 4], told: ms },
  { name: "p99", colour: "--blue", width: 3, told: ms },
  { name: "slowest", colour: "--red", width: 1.5, dash: [3, 3], told: ms },
];

export function Charts({ course }) {
  const instances = useStore((state) => state.instances);
  const [rates, times, marks, wide] = useMemo(() => {
    const columns = settled(course);
    const last = columns.at(-1);
    const until = columns.map((column) => column.began_s + column.seconds);
    const a_second = (name) => columns.map((column) => column[name] / column.seconds);
    const of = (name) => columns.map((column) => column[name] || null);
    return [[until, a_second("offered"), a_second("ok"), a_second("failed")], [until, of("p50"), of("p90"), columns.map((column) => column.p99 ?? column.p99_wide), of("max")], spoken(course.marks, instances), last && last.p99 === null && last.p99_wide !== null];
  }, [course]);
  const span = spanOf(course);
  return html`<div class="charts">
    <${Chart} title="Requests per second" about="by the second each was due" lines=${RATES} data=${rates} marks=${marks} span=${span} scale=${rate} />
    <${Chart} title="Response time" about="p50, p90 and p99 of the last ${course.window_s} s (p99 of the last ${course.wide_s} s while requests are few); the slowest of each ${course.column_s === 1 ? "second" : `${course.column_s} s`}" lines=${TIMES} names=${wide ? { p99: `p99, last ${course.wide_s} s` } : {}} data=${times} marks=${marks} span=${span} scale=${shortTime} log />
  </div>`;
}
