// @ts-check
// Two past runs side by side: the difference of each figure, and whether it is more than noise.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { VerdictWord } from "./verdict.js";

/** @param {{ a?: string, b?: string }} props */
export function Comparison({ a, b }) {
  const [{ runs, error }, setFound] = useState(/** @type {{ runs?: any, error?: string }} */ ({}));
  useEffect(() => {
    let current = true;
    get(`/api/load/compare?a=${encodeURIComponent(a ?? "")}&b=${encodeURIComponent(b ?? "")}`).then(
      (found) => current && setFound({ runs: found }),
      (failed) => current && setFound({ error: failed.message }),
    );
    return () => (current = false);
  }, [a, b]);
  let content = html`<p class="wait">Comparing …</p>`;
  if (error) content = html`<p role="alert">${error}</p>`;
  else if (runs) content = html`<${Runs} runs=${runs} /><${Table} runs=${runs} />`;
  return html`<p><a href="#/load">← Load</a></p><h1>Run ${a} and run ${b}</h1>${content}`;
}

/** @param {{ runs: any }} props */
function Runs({ runs: { a, b, warnings } }) {
  /** @param {any} run */
  const line = (run) => html`<li><b>${run.name}</b> <${VerdictWord} verdict=${run.verdict} /> ${run.reason}</li>`;
  /** @param {string} text */
  const warning = (text) => html`<li>${text}</li>`;
  return html`<ul class="runs">${[a, b].map(line)}</ul>
    ${warnings.length > 0 && html`<ul class="warnings" aria-label="Why these runs may not be comparable">
      ${warnings.map(warning)}</ul>`}`;
}

/** @param {number | null} value */
const figure = (value) =>
  value === null ? "–" : value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : 2 });

/** @param {number | null} value */
const signed = (value) => (value === null ? "–" : `${value > 0 ? "+" : ""}${figure(value)}`);

/** @param {{ runs: any }} props */
function Table({ runs: { a, b, figures, samples } }) {
  /** @param {any} row */
  const tone = (row) => (row.worse ? "bad" : row.noise === "beyond the noise" ? "beyond-noise" : "quiet");
  /** @param {any} row */
  const line = (row) => html`<tr><th scope="row">${row.name}</th>
    <td class="n" data-label=${a.name}>${figure(row.a)}</td>
    <td class="n" data-label=${b.name}>${figure(row.b)}</td>
    <td class="n" data-label="difference">${signed(row.difference)}</td>
    <td class="n" data-label="in percent">${row.percent === null ? "–" : `${signed(row.percent)} %`}</td>
    <td data-label="assessment" class=${tone(row)}>${row.noise}${row.worse && ", worse"}</td></tr>`;
  const heads = [a.name, b.name, "difference", "in percent"];
  return html`<table class="stacks"><caption>Figures of both runs</caption>
    <thead><tr><th scope="col">figure</th>${heads.map((each) => html`<th scope="col" class="n">${each}</th>`)}
      <th scope="col">assessment</th></tr></thead>
    <tbody>${figures.map(line)}</tbody></table>
  <p class="quiet">Noise: Welch’s interval at 95 %, over ${samples.split(";")[0]}.</p>`;
}
