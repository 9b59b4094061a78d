// Two past runs side by side: each figure's difference, and whether it is more than noise.

import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { Judged } from "./verdict.js";

export function Comparison({ a, b }) {
  const [found, find] = useState({});
  useEffect(() => {
    let here = true;
    get(`/api/load/compare?a=${encodeURIComponent(a ?? "")}&b=${encodeURIComponent(b ?? "")}`).then(
      (told) => here && find({ told }),
      (error) => here && find({ error: error.message }),
    );
    return () => (here = false);
  }, [a, b]);
  const { told, error } = found;
  return html`<p><a href="#/load">← Load</a></p><h1>Run ${a} and run ${b}</h1>
    ${error ? html`<p role="alert">${error}</p>` : !told ? html`<p class="wait">Comparing …</p>` : html`<${Sides} told=${told} /><${Table} told=${told} />`}`;
}

const Sides = ({ told }) => html`<ul class="sides">${[told.a, told.b].map((side) => html`<li><b>${side.name}</b> <${Judged} verdict=${side.verdict} /> ${side.reason}</li>`)}</ul>
  ${told.warnings.length > 0 && html`<ul class="warnings" aria-label="Why these runs may not be comparable">${told.warnings.map((text) => html`<li>${text}</li>`)}</ul>`}`;

const figure = (value) => (value === null ? "–" : value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : 2 }));
const signed = (value) => (value === null ? "–" : `${value > 0 ? "+" : ""}${figure(value)}`);

const Table = ({ told }) => html`<table class="stacks"><caption>Figures of both runs</caption><thead><tr><th scope="col">figure</th><th scope="col" class="n">${told.a.name}</th><th scope="col" class="n">${told.b.name}</th><th scope="col" class="n">difference</th><th scope="col" class="n">in percent</th><th scope="col">assessment</th></tr></thead>
    <tbody>${told.figures.map((row) => html`<tr><th scope="row">${row.name}</th>
      <td class="n" data-label=${told.a.name}>${figure(row.a)}</td>
      <td class="n" data-label=${told.b.name}>${figure(row.b)}</td>
      <td class="n" data-label="difference">${signed(row.difference)}</td>
      <td class="n" data-label="in percent">${row.percent === null ? "–" : `${signed(row.percent)} %`}</td>
      <td data-label="assessment" class=${row.worse ? "bad" : row.noise === "beyond the noise" ? "beyond" : "quiet"}>${row.noise}${row.worse && ", worse"}</td></tr>`)}</tbody></table>
  <p class="quiet">Noise: Welch’s interval at 95 %, over ${told.samples.split(";")[0]}.</p>`;
