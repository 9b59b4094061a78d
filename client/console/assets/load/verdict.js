// What a run is worth: while it goes on, whether generator and service keep their word; at its end, the verdict and its reason.

import { html } from "../lib/ui.js";

const TONES = { VALID: "good", FAILED: "bad", INVALID: "care" };
const MEANS = {
  VALID: "the figures hold, and so did what was promised",
  FAILED: "the figures hold, and a promise was broken",
  INVALID: "the generator did not keep its schedule, so its figures say nothing of the service",
};

export const Judged = ({ verdict }) => html`<b class="judged ${TONES[verdict]}" title=${MEANS[verdict]}>${verdict}</b>`;

function SoFar({ schedule: { kept, sentence }, broken }) {
  if (broken) return html`<p class="worth bad">So far <${Judged} verdict="FAILED" />; the service breaks its promise: ${broken}.${!kept && ` Take care: ${sentence}.`}</p>`;
  return html`<p class="worth ${kept ? "" : "care"}"><b>${kept ? "So far so good" : "Take care"}</b>: ${sentence}.</p>`;
}

export function Verdict({ load }) {
  if (load?.running) return html`<${SoFar} schedule=${load.schedule} broken=${load.broken} />`;
  if (!load?.last) return null;
  const { number, verdict, reason, error } = load.last;
  return html`<section class="worth ${TONES[verdict]}" aria-label="Verdict of the last run" aria-live="polite">
    <p>Run ${number} was <${Judged} verdict=${verdict} />: ${reason}. <a href="/api/load/runs/${number}" target="_blank" rel="noopener">Its report</a></p>
    <p class="quiet">${MEANS[verdict]}${error && `; ${error}`}</p></section>`;
}
