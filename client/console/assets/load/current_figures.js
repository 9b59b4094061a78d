// @ts-check
// The current figures: requests sent and answered, both latencies, errors by class.

import { html } from "../lib/ui.js";
import { count, ms, percent, rate, seconds } from "../lib/format.js";
import { Term } from "../lib/terms.js";

/** @param {{ load: LoadRow }} props */
export function Now({ load }) {
  const { now, windows } = load;
  const cores = load.processes === 1 ? "of one core" : `of one core, busiest of ${load.processes} processes`;
  const perSecond = html`<small>requests/s</small>`;
  return html`<dl class="tiles">
    <div><dt>${load.loop === "open" ? "rate" : "sent"}</dt>
      <dd>${rate(load.rate_per_s ?? now.offered)}${perSecond}</dd></div>
    <div><dt>completed</dt><dd>${rate(now.completed)}${perSecond}</dd></div>
    <div class=${now.failed ? "bad" : ""}><dt>failed</dt><dd>${rate(now.failed)}${perSecond}</dd></div>
    <div><dt><${Term} name="in flight" /></dt><dd>${count(load.in_flight)}</dd></div>
    <div><dt><${Term} name="waiting">waiting to be sent<//></dt><dd>${count(load.waiting)}</dd></div>
    <div><dt>so far</dt><dd>${count(windows.total.offered)}<small>requests in ${duration(load)}</small></dd></div>
    <div><dt>generator’s CPU</dt><dd>${percent(load.cpu_percent / 100)}<small>${cores}</small></dd></div>
  </dl>`;
}

/** @param {LoadRow} load */
const duration = ({ elapsed_s, duration_s }) =>
  duration_s ? `${seconds(elapsed_s)} of ${seconds(duration_s)}` : seconds(elapsed_s);

const TAILS = ["p50", "p90", "p99", "max"];
const WINDOWS = [
  { name: "recent", label: "last 10 s" },
  { name: "minute", label: "last minute" },
  { name: "total", label: "whole run" },
];

/** @param {string} tail */
const tailName = (tail) => (tail === "max" ? "slowest" : tail);

/** @param {{ load: LoadRow }} props */
export function Latencies({ load }) {
  const open = load.loop === "open";
  const kinds = open ? ["response", "service"] : ["response"];
  const rows = WINDOWS.flatMap(({ name, label }) =>
    kinds.flatMap((kind) => {
      const times = load.windows[name][`${kind}_ms`];
      return times ? [{ label, kind, times }] : [];
    }),
  );
  /** @param {{ label: string, kind: string, times: any }} row */
  const line = ({ label, kind, times }) => html`<tr><th scope="row">${label}</th><td><${Term} name=${kind} /></td>
    ${TAILS.map((tail) => html`<td class="n" data-label=${tailName(tail)}>${ms(times[tail])}</td>`)}
    <td class="n" data-label="responses">${count(times.count)}</td></tr>`;
  /** @param {string} tail */
  const head = (tail) => html`<th scope="col" class="n"><${Term} name=${tail}>${tailName(tail)}<//></th>`;
  const note = open
    ? html`Response: from when a request was due. Service: from when it was sent. Tools that skip this waiting time make
        a stalled service look fast (<${Term} name="coordinated omission" />).`
    : "Users have no schedule, so response and service time are the same.";
  return html`<section class="latencies"><h2>Response times</h2>
    <table class="stacks"><thead><tr><th scope="col">window</th><th scope="col">time</th>${TAILS.map(head)}
      <th scope="col" class="n">responses</th></tr></thead>
      <tbody>${rows.map(line)}</tbody></table>
    <p class="quiet">${note}${" "}– means too few responses.</p></section>`;
}

/** @param {{ load: LoadRow }} props */
export function Errors({ load }) {
  const { total, recent } = load.windows;
  const classes = /** @type {[string, number][]} */ (Object.entries(total.errors));
  /** @param {[string, number]} row */
  const line = ([name, n]) => html`<tr><th scope="row">${name}</th><td class="n bad">${count(n)}</td>
    <td class="n">${count(recent.errors[name] ?? 0)}</td></tr>`;
  return html`<section class="errors"><h2>Errors</h2>${
    classes.length === 0
      ? html`<p>None in ${count(total.completed)} requests.</p>`
      : html`<table><thead><tr><th scope="col">class</th><th scope="col" class="n">requests</th>
          <th scope="col" class="n">last 10 s</th></tr></thead><tbody>${classes.map(line)}</tbody></table>`
  }</section>`;
}
