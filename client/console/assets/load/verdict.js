// Whether a run's figures can be trusted and its thresholds were kept: so far while it runs, then the verdict and its reason.

import { html } from "../lib/ui.js";

const TONES = { VALID: "good", FAILED: "bad", INVALID: "care" };
const MEANS = {
  VALID: "the generator kept its schedule, so the figures are those of the service",
  FAILED: "the figures are those of the service, and it failed",
  INVALID: "the generator did not keep its schedule, so the figures say nothing about the service",
};

export const Judged = ({ verdict }) => html`<b class="judged ${TONES[verdict]}" title=${MEANS[verdict]}>${verdict}</b>`;

function SoFar({ schedule: { kept, sentence }, broken }) {
  if (broken) return html`<p class="worth bad">So far <${Judged} verdict="FAILED" />: ${broken}.${!kept && ` Caution: ${sentence}.`}</p>`;
  return html`<p class="worth ${kept ? "" : "care"}"><b>${kept ? "So far so good" : "Caution"}</b>: ${sentence}.</p>`;
}

export function Verdict({ load }) {
  if (load?.running) return html`<${SoFar} schedule=${load.schedule} broken=${load.broken} />`;
  if (!load?.last) return null;
  const { number, verdict, reason, error } = load.last;
  return html`<section class="worth ${TONES[verdict]}" aria-label="Verdict of the last run" aria-live="polite">
    <p>Run ${number} was <${Judged} verdict=${verdict} />: ${reason}. <a href="/api/load/runs/${number}" target="_blank" rel="noopener">Report</a></p>
    <p class="quiet">${MEANS[verdict]}${error && `; ${error}`}</p></section>`;
}
