// @ts-check
// Whether a run's figures can be trusted and its thresholds were kept: so far while it runs, then the verdict and its
// reason.

import { html } from "../lib/ui.js";

/** @type {Record<string, string>} */
const TONES = { VALID: "good", FAILED: "bad", INVALID: "warning" };
/** @type {Record<string, string>} */
const MEANING = {
  VALID: "the generator kept its schedule, so the figures are those of the service",
  FAILED: "the figures are those of the service, and it failed",
  INVALID: "the generator did not keep its schedule, so the figures say nothing about the service",
};

/** @param {{ verdict: string }} props */
export const VerdictWord = ({ verdict }) =>
  html`<b class="verdict-word ${TONES[verdict]}" title=${MEANING[verdict]}>${verdict}</b>`;

/** @param {{ schedule: { kept: boolean, sentence: string }, broken: string }} props */
function SoFar({ schedule: { kept, sentence }, broken }) {
  if (broken)
    return html`<p class="assessment bad">So far <${VerdictWord} verdict="FAILED" />: ${broken}.${
      !kept && ` Caution: ${sentence}.`
    }</p>`;
  return html`<p class="assessment ${kept ? "" : "warning"}">
    <b>${kept ? "So far so good" : "Caution"}</b>: ${sentence}.</p>`;
}

/** @param {{ load: LoadRow }} props */
export function Verdict({ load }) {
  if (load?.running) return html`<${SoFar} schedule=${load.schedule} broken=${load.broken} />`;
  if (!load?.last) return null;
  const { number, verdict, reason, error } = load.last;
  return html`<section class="assessment ${TONES[verdict]}" aria-label="Verdict of the last run" aria-live="polite">
    <p>Run ${number} was <${VerdictWord} verdict=${verdict} />: ${reason}.
      ${" "}<a href="/api/load/runs/${number}" target="_blank" rel="noopener">Report</a></p>
    <p class="quiet">${MEANING[verdict]}${error && `; ${error}`}</p></section>`;
}
