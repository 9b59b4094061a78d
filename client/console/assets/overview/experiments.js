// The large buttons that run an experiment, and its result: verdict, reason, and figures before, during and after.
// Which experiments there are and what they measured, the console says: nothing here knows one of them.

import { html, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { cores, count, ms, seconds } from "../lib/format.js";
import { useWhyNot } from "../lib/may.js";
import { useStore } from "../lib/store.js";

/** `show`: names of the experiments to show, or all. `earlier`: the number of an earlier result, which is not shown. */
export function Experiments({ show, earlier }) {
  const experiment = useStore((state) => state.experiment);
  const all = useStore((state) => state.experiments) ?? [];
  const [said, say] = useState("");
  const why = useWhyNot() || (experiment ? `The ${experiment.title} is still being measured.` : "");
  const start = (name) => post(`/api/experiments/${name}`).then(() => say(""), (error) => say(error.message));
  const shown = all.filter((each) => !show || show.includes(each.name));
  return html`<div class="experiments">
    <div class="buttons">
      ${shown.map(
        ({ name, button }) => html`<button type="button" class="big ${name}" disabled=${Boolean(why)} aria-describedby="why-not" onClick=${() => start(name)}>${button}</button>`,
      )}
      <p id="why-not" role="status">${said || why}</p>
    </div>
    <${Verdict} shown=${shown} earlier=${earlier} />
  </div>`;
}

function Verdict({ shown: experiments, earlier }) {
  const verdict = useStore((state) => state.verdict);
  const experiment = useStore((state) => state.experiment);
  const names = experiments.map((each) => each.name);
  const shown = [experiment, verdict].find((each) => each && names.includes(each.experiment) && each.id !== earlier);
  const titles = experiments.map((each) => each.title).join(" or ");
  if (!shown) return html`<section class="verdict" aria-label="Verdict"><p class="quiet">The result of your next ${titles} appears here.</p></section>`;
  return html`<section class="verdict ${TONES.get(shown.held) ?? ""}" aria-label="Verdict" aria-live="polite">
    <p class="judged">${shown.running ? `${shown.title} in ${shown.short}: ${shown.sentence}` : shown.sentence}</p>
    ${shown.account && html`<p>${shown.account}</p>`}
    <dl>${(shown.rows ?? []).filter(measured).map((row) => html`<${Figures} row=${row} />`)}</dl>
  </section>`;
}

const TONES = new Map([[true, "good"], [false, "bad"]]);

const measured = (row) => [row.before, row.during, row.after].some((value) => value !== null);

const FORMATS = { s: seconds, ms, cores, "": count };

/** One figure; one that was compared shows all that was measured of it. */
function Figures({ row }) {
  const show = FORMATS[row.unit];
  const compared = row.before !== null;
  return html`<div class="${compared ? "compared" : ""} ${row.bad ? "bad" : ""}"><dt>${row.label}</dt>
    <dd>${compared
      ? html`<small>before</small> ${show(row.before)} <small>during</small> ${show(row.during)}${row.after !== null && html` <small>after</small> ${show(row.after)}`}`
      : show(row.during)}</dd></div>`;
}
