// The figures of the moment: what is sent beside what is answered, both latencies, errors by class.

import { html } from "../lib/ui.js";
import { count, ms, percent, rate, seconds } from "../lib/format.js";
import { Word } from "../lib/words.js";

export function Now({ load }) {
  const { now, windows } = load;
  return html`<dl class="tiles">
    <div><dt>${load.loop === "open" ? "rate" : "sent"}</dt><dd>${rate(load.rate_per_s ?? now.offered)}<small>requests/s</small></dd></div>
    <div><dt>answered</dt><dd>${rate(now.completed)}<small>requests/s</small></dd></div>
    <div class=${now.failed ? "bad" : ""}><dt>failed</dt><dd>${rate(now.failed)}<small>requests/s</small></dd></div>
    <div><dt><${Word} name="in flight" /></dt><dd>${count(load.in_flight)}</dd></div>
    <div><dt><${Word} name="waiting">waiting to be sent<//></dt><dd>${count(load.waiting)}</dd></div>
    <div><dt>so far</dt><dd>${count(windows.total.offered)}<small>requests in ${length(load)}</small></dd></div>
    <div><dt>generator’s CPU</dt><dd>${percent(load.cpu_percent / 100)}<small>${load.processes === 1 ? "of one core" : `of one core, busiest of ${load.processes} processes`}</small></dd></div>
  </dl>`;
}

const length = (load) => (load.duration_s ? `${seconds(load.elapsed_s)} of ${seconds(load.duration_s)}` : seconds(load.elapsed_s));

const TAILS = ["p50", "p90", "p99", "max"];
const WINDOWS = [["recent", "last 10 s"], ["minute", "last minute"], ["total", "whole run"]];

export function Latencies({ load }) {
  const kinds = load.loop === "open" ? ["response", "service"] : ["response"];
  const rows = WINDOWS.flatMap(([name, told]) =>
    kinds.filter((kind) => load.windows[name][`${kind}_ms`]).map((kind) => ({ told, kind, of: load.windows[name][`${kind}_ms`] })),
  );
  return html`<section class="latencies"><h2>How long answers take</h2>
    <table class="stacks"><thead><tr><th scope="col">window</th><th scope="col">time</th>${TAILS.map((name) => html`<th scope="col" class="n"><${Word} name=${name}>${name === "max" ? "slowest" : name}<//></th>`)}<th scope="col" class="n">answers</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr><th scope="row">${row.told}</th><td><${Word} name=${row.kind} /></td>
        ${TAILS.map((name) => html`<td class="n" data-label=${name === "max" ? "slowest" : name}>${ms(row.of[name])}</td>`)}
        <td class="n" data-label="answers">${count(row.of.count)}</td></tr>`)}</tbody></table>
    <p class="quiet">${load.loop === "open"
      ? html`Response: from when a request was due. Service: from when it was sent. Tools that skip this waiting time make a stalled service look fast (<${Word} name="coordinated omission" />).`
      : "Users have no schedule, so response and service time are the same."}
      ${" "}– means too few answers.</p></section>`;
}

export function Errors({ load }) {
  const { total } = load.windows;
  const classes = Object.entries(total.errors);
  return html`<section class="errors"><h2>Errors</h2>
    ${classes.length === 0
      ? html`<p>None in ${count(total.completed)} requests.</p>`
      : html`<table><thead><tr><th scope="col">class</th><th scope="col" class="n">requests</th><th scope="col" class="n">last 10 s</th></tr></thead>
        <tbody>${classes.map(([name, n]) => html`<tr><th scope="row">${name}</th><td class="n bad">${count(n)}</td><td class="n">${count(load.windows.recent.errors[name] ?? 0)}</td></tr>`)}</tbody></table>`}
  </section>`;
}
