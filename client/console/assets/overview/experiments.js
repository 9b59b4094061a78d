// @ts-check
// The buttons that start an experiment, and its result: verdict, reason, and figures before, during and after. The
// console says which experiments there are and what they measured; nothing here knows a particular one.

import { html, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { cores, count, ms, seconds } from "../lib/format.js";
import { useDisabledReason } from "../lib/permission.js";
import { useStore } from "../lib/store.js";

/**
 * `show`: names of the experiments to show, all by default. `earlier`: the id of a former result, which is not shown.
 * @param {{ show?: string[], earlier?: number }} props
 */
export function Experiments({ show, earlier }) {
  const experiment = useStore((state) => state.experiment);
  const all = useStore((state) => state.experiments) ?? [];
  const [error, setError] = useState("");
  const why = useDisabledReason() || (experiment ? `The ${experiment.title} is still being measured.` : "");
  /** @param {string} name */
  const start = (name) =>
    post(`/api/experiments/${name}`).then(() => setError(""), (failed) => setError(failed.message));
  const shown = all.filter((each) => !show || show.includes(each.name));
  /** @param {Experiment} each */
  const startButton = ({ name, button, ends_instance }) => html`<button type="button"
    class="big ${ends_instance ? "destructive" : "disturbing"}" disabled=${Boolean(why)}
    aria-describedby="disabled-reason" onClick=${() => start(name)}>${button}</button>`;
  return html`<div class="experiments">
    <div class="buttons">${shown.map(startButton)}<p id="disabled-reason" role="status">${error || why}</p></div>
    <${Verdict} experiments=${shown} earlier=${earlier} />
  </div>`;
}

/** @param {{ experiments: Experiment[], earlier?: number }} props */
function Verdict({ experiments, earlier }) {
  const verdict = useStore((state) => state.verdict);
  const running = useStore((state) => state.experiment);
  const names = experiments.map((each) => each.name);
  const shown = [running, verdict].find((each) => each && names.includes(each.experiment) && each.id !== earlier);
  if (!shown) {
    const titles = experiments.map((each) => each.title).join(" or ");
    return html`<section class="verdict" aria-label="Verdict">
      <p class="quiet">The result of your next ${titles} appears here.</p></section>`;
  }
  const tone = shown.held === true ? "good" : shown.held === false ? "bad" : "";
  const rows = (shown.rows ?? []).filter(measured);
  return html`<section class="verdict ${tone}" aria-label="Verdict" aria-live="polite">
    <p class="sentence">${shown.running ? `${shown.title} in ${shown.short}: ${shown.sentence}` : shown.sentence}</p>
    ${shown.account && html`<p>${shown.account}</p>`}
    <dl>${rows.map((row) => html`<${Figure} row=${row} />`)}</dl>
  </section>`;
}

/** @param {ResultRow} row */
const measured = ({ before, during, after }) => [before, during, after].some((value) => value !== null);

const FORMATS = { s: seconds, ms, cores, "": count };

/** One figure; if it was compared, with all its values. @param {{ row: ResultRow }} props */
function Figure({ row: { label, unit, before, during, after, bad } }) {
  const show = FORMATS[unit];
  const compared = before !== null;
  const values = html`<small>before</small> ${show(before)} <small>during</small> ${show(during)}${
    after !== null && html` <small>after</small> ${show(after)}`
  }`;
  return html`<div class="${compared ? "compared" : ""} ${bad ? "bad" : ""}"><dt>${label}</dt>
    <dd>${compared ? values : show(during)}</dd></div>`;
}
