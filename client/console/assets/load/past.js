// The runs that are over: what each was, its verdict and report, and two of them to be compared.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { clock, count, ms, seconds } from "../lib/format.js";
import { go } from "../lib/route.js";
import { Judged } from "./verdict.js";

export function Past({ load }) {
  const [runs, set] = useState(null);
  const [chosen, choose] = useState([]);
  useEffect(() => {
    let here = true;
    get("/api/load/runs").then((told) => here && set(told.runs), () => undefined);
    return () => (here = false);
  }, [load?.running, load?.number, load?.last?.number]);
  if (!runs?.length) return html`<section><h2>Past runs</h2><p class="quiet">${runs ? "None yet. Each run leaves its report here when it ends." : "Loading …"}</p></section>`;
  const pick = (number, on) => choose(on ? [...chosen, number].slice(-2) : chosen.filter((each) => each !== number));
  const [a, b] = [...chosen].sort((left, right) => left - right);
  return html`<section class="past"><h2>Past runs</h2>
    <table class="stacks"><thead><tr><th scope="col">compare</th><th scope="col">run</th><th scope="col">started</th><th scope="col">plan</th><th scope="col" class="n">lasted</th><th scope="col" class="n">requests</th><th scope="col" class="n">failed</th><th scope="col" class="n">p50</th><th scope="col" class="n">p99</th><th scope="col">verdict</th><th scope="col">read</th></tr></thead>
      <tbody>${runs.map((run) => html`<tr key=${run.number}>
        <td data-label="compare"><input type="checkbox" aria-label="Compare run ${run.number}" checked=${chosen.includes(run.number)} onChange=${(event) => pick(run.number, event.target.checked)} /></td>
        <th scope="row" data-label="run">${run.number}</th>
        <td data-label="started">${clock(run.began)}</td>
        <td data-label="plan">${run.title}</td>
        <td class="n" data-label="lasted">${seconds(run.seconds)}</td>
        <td class="n" data-label="requests">${count(run.requests)}</td>
        <td class="n ${run.failed ? "bad" : ""}" data-label="failed">${count(run.failed)}</td>
        <td class="n" data-label="p50">${ms(run.p50_ms)}</td>
        <td class="n" data-label="p99">${ms(run.p99_ms)}</td>
        <td data-label="verdict"><${Judged} verdict=${run.verdict} /></td>
        <td data-label="read"><a href="/api/load/runs/${run.number}" target="_blank" rel="noopener" aria-label="Report of run ${run.number}">report</a> <a href="/api/load/runs/${run.number}.json" download aria-label="Run ${run.number} as JSON">JSON</a></td></tr>`)}</tbody></table>
    <p class="inline"><button type="button" disabled=${chosen.length !== 2} onClick=${() => go(`load/compare/${a}/${b}`)}>Compare${chosen.length === 2 && ` run ${a} with run ${b}`}</button>
      ${chosen.length !== 2 && html`<span class="quiet">Choose two runs to compare them.</span>`}</p></section>`;
}
