// @ts-check
// The past runs: plan, verdict and report of each, and the choice of two to compare.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { clock, count, ms, seconds } from "../lib/format.js";
import { go } from "../lib/route.js";
import { VerdictWord } from "./verdict.js";

/** @param {{ load: LoadRow }} props */
export function PastRuns({ load }) {
  const [runs, setRuns] = useState(/** @type {any[] | null} */ (null));
  const [chosen, choose] = useState(/** @type {number[]} */ ([]));
  useEffect(() => {
    let current = true;
    get("/api/load/runs").then((found) => current && setRuns(found.runs), () => {});
    return () => (current = false);
  }, [load?.running, load?.number, load?.last?.number]);
  if (!runs?.length) {
    const text = runs ? "None yet. Each run leaves its report here when it ends." : "Loading …";
    return html`<section><h2>Past runs</h2><p class="quiet">${text}</p></section>`;
  }
  /** @param {number} number @param {boolean} on */
  const pick = (number, on) =>
    choose(on ? [...chosen, number].slice(-2) : chosen.filter((each) => each !== number));
  const [a, b] = [...chosen].sort((left, right) => left - right);
  const two = chosen.length === 2;
  return html`<section class="past"><h2>Past runs</h2>
    <table class="stacks"><thead><tr>${HEADS.map(
      ([title, kind]) => html`<th scope="col" class=${kind}>${title}</th>`,
    )}</tr></thead>
      <tbody>${runs.map((run) => html`<${Run} key=${run.number} run=${run} chosen=${chosen} onPick=${pick} />`)}</tbody>
    </table>
    <p class="inline"><button type="button" disabled=${!two} onClick=${() => go(`load/compare/${a}/${b}`)}>Compare${
      two && ` run ${a} with run ${b}`
    }</button>
      ${!two && html`<span class="quiet">Choose two runs to compare them.</span>`}</p></section>`;
}

const HEADS = [
  ["compare", ""], ["run", ""], ["started", ""], ["plan", ""], ["lasted", "n"], ["requests", "n"], ["failed", "n"],
  ["p50", "n"], ["p99", "n"], ["verdict", ""], ["report", ""],
];

/** @param {{ run: any, chosen: number[], onPick: (number: number, on: boolean) => void }} props */
function Run({ run, chosen, onPick }) {
  const { number } = run;
  /** @param {any} event */
  const onChange = (event) => onPick(number, event.target.checked);
  return html`<tr>
    <td data-label="compare"><input type="checkbox" aria-label="Compare run ${number}"
      checked=${chosen.includes(number)} onChange=${onChange} /></td>
    <th scope="row" data-label="run">${number}</th>
    <td data-label="started">${clock(run.began)}</td>
    <td data-label="plan">${run.title}</td>
    <td class="n" data-label="lasted">${seconds(run.seconds)}</td>
    <td class="n" data-label="requests">${count(run.requests)}</td>
    <td class="n ${run.failed ? "bad" : ""}" data-label="failed">${count(run.failed)}</td>
    <td class="n" data-label="p50">${ms(run.p50_ms)}</td>
    <td class="n" data-label="p99">${ms(run.p99_ms)}</td>
    <td data-label="verdict"><${VerdictWord} verdict=${run.verdict} /></td>
    <td data-label="report"><a href="/api/load/runs/${number}" target="_blank" rel="noopener"
        aria-label="Report of run ${number}">report</a>
      ${" "}<a href="/api/load/runs/${number}.json" download aria-label="Run ${number} as JSON">JSON</a></td></tr>`;
}
