// @ts-check
// The load page: the running load and its timeline with events; past runs and the comparison of two.

import { html } from "../lib/ui.js";
import { useStore } from "../lib/store.js";
import { Charts } from "./charts.js";
import { Comparison } from "./comparison.js";
import { Controls } from "./controls.js";
import { Errors, Latencies, Now } from "./current_figures.js";
import { HeatMap } from "./heat_map.js";
import { PastRuns } from "./past_runs.js";
import { useTimeline } from "./timeline.js";
import { TimelineTable } from "./timeline_table.js";
import { Verdict } from "./verdict.js";

/** @param {{ rest: string[] }} props */
export function Load({ rest: [what, a, b] }) {
  return html`<article class="page load">${
    what === "compare" ? html`<${Comparison} key="${a}/${b}" a=${a} b=${b} />` : html`<${Live} />`
  }</article>`;
}

function Live() {
  const load = useStore((state) => state.load);
  const timeline = useTimeline(load);
  const drawn = timeline !== null && timeline.columns?.length > 0;
  return html`<header class="head"><h1>Load</h1><p>${load?.running ? summary(load) : "No load is running."}</p></header>
    <div class=${drawn ? "load-controls" : "load-controls alone"}><${Controls} load=${load} /></div>
    <${Verdict} load=${load} />
    ${load?.running && html`<${Now} load=${load} />
      <div class="figures"><${Latencies} load=${load} /><${Errors} load=${load} /></div>`}
    ${drawn && html`<${Charts} timeline=${timeline} /><${HeatMap} timeline=${timeline} />
      <${TimelineTable} timeline=${timeline} />`}
    <${PastRuns} load=${load} />`;
}

/** @param {LoadRow} load */
const summary = ({ number, name, model, sent, urls }) =>
  `Run ${number}: ${name ? `${name}, ` : ""}${model}, sent ${sent} to ${urls.join(", ")}`;
