// @ts-check
// The two charts: requests per second, sent and answered; and response times.

import { html } from "../lib/ui.js";
import { ms, rate } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { Chart, spanOf } from "./chart.js";
import { settled } from "./timeline.js";
import { withShortIds } from "./marks.js";
import { shortTime } from "./scales.js";

/** @typedef {import("./chart.js").Line} Line */

/** @type {Line[]} */
const RATES = [
  { name: "due", colour: "--soft", width: 3, step: true, format: rate },
  { name: "succeeded", colour: "--blue", width: 2, format: rate },
  { name: "failed", colour: "--red", width: 2, dash: [6, 3], format: rate },
];
/** @type {Line[]} */
const TIMES = [
  { name: "p50", colour: "--green", width: 2, format: ms },
  { name: "p90", colour: "--amber", width: 2, dash: [8, 4], format: ms },
  { name: "p99", colour: "--blue", width: 3, format: ms },
  { name: "slowest", colour: "--red", width: 1.5, dash: [3, 3], format: ms },
];

/** @param {{ timeline: Timeline }} props */
export function Charts({ timeline }) {
  const instances = useStore((state) => state.instances);
  const columns = settled(timeline);
  const last = columns.at(-1);
  const until = columns.map((column) => column.began_s + column.seconds);
  /** @param {"offered" | "ok" | "failed"} name */
  const perSecond = (name) => columns.map((column) => column[name] / column.seconds);
  /** @param {"p50" | "p90" | "max"} name */
  const times = (name) => columns.map((column) => column[name] || null);
  const p99 = columns.map((column) => column.p99 ?? column.p99_wide);
  const wide = last && last.p99 === null && last.p99_wide !== null;
  const shared = { marks: withShortIds(timeline.marks, instances), span: spanOf(timeline), version: timeline };
  const width = timeline.column_s === 1 ? "second" : `${timeline.column_s} s`;
  const about =
    `p50, p90 and p99 of the last ${timeline.window_s} s ` +
    `(p99 of the last ${timeline.wide_s} s while requests are few); the slowest of each ${width}`;
  return html`<div class="charts">
    <${Chart} title="Requests per second" about="by the second each was due" lines=${RATES} scale=${rate} ...${shared}
      data=${[until, perSecond("offered"), perSecond("ok"), perSecond("failed")]} />
    <${Chart} title="Response time" about=${about} lines=${TIMES} scale=${shortTime} log=${true} ...${shared}
      names=${wide ? { p99: `p99, last ${timeline.wide_s} s` } : {}}
      data=${[until, times("p50"), times("p90"), p99, times("max")]} />
  </div>`;
}
