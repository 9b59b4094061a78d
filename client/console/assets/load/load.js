// The load: what is sent and how it is answered, live; its course with events; past runs and how two differ.

import { html } from "../lib/ui.js";
import { useStore } from "../lib/store.js";
import { Charts } from "./charts.js";
import { Comparison } from "./comparison.js";
import { Controls } from "./controls.js";
import { useCourse } from "./course.js";
import { Errors, Latencies, Now } from "./figures.js";
import { Heat } from "./heat.js";
import { Past } from "./past.js";
import { CourseTable } from "./table.js";
import { Verdict } from "./verdict.js";

export function Load({ rest: [what, a, b] }) {
  return html`<article class="page load">${what === "compare" ? html`<${Comparison} key="${a}/${b}" a=${a} b=${b} />` : html`<${Live} />`}</article>`;
}

function Live() {
  const load = useStore((state) => state.load);
  const course = useCourse(load);
  const drawn = course?.columns?.length > 0;
  return html`<header class="head"><h1>Load</h1><p>${load?.running ? told(load) : "No load is running."}</p></header>
    <div class=${drawn ? "steer" : "steer alone"}><${Controls} load=${load} /></div>
    <${Verdict} load=${load} />
    ${load?.running && html`<${Now} load=${load} /><div class="figures"><${Latencies} load=${load} /><${Errors} load=${load} /></div>`}
    ${drawn && html`<${Charts} course=${course} /><${Heat} course=${course} /><${CourseTable} course=${course} />`}
    <${Past} load=${load} />`;
}

const told = (load) => `Run ${load.number}: ${load.name ? `${load.name}, ` : ""}${load.model}, sent ${load.sent} to ${load.urls.join(", ")}`;
