// The two large buttons, and the strip that says what they cost whom.

import { html, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { cores, count, ms, plural, rate, seconds } from "../lib/format.js";
import { useWhyNot } from "../lib/may.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";

/** `show`: which of the two buttons, and whose results. `earlier`: a result from before, which is not shown. */
export function Deeds({ show = ["kill", "hog"], earlier }) {
  const experiment = useStore((state) => state.experiment);
  const [said, say] = useState("");
  const why = useWhyNot() || (experiment ? `The ${experiment.kind} is still being measured.` : "");
  const start = (kind) => post(`/api/experiments/${kind}`).then(() => say(""), (error) => say(error.message));
  return html`<div class="deeds">
    <div class="buttons">
      ${BUTTONS.filter((each) => show.includes(each.kind)).map(
        ({ kind, label }) => html`<button type="button" class="big ${kind}" disabled=${Boolean(why)} aria-describedby="why-not" onClick=${() => start(kind)}>${label}</button>`,
      )}
      <p id="why-not" role="status">${said || why}</p>
    </div>
    <${Verdict} show=${show} earlier=${earlier} />
  </div>`;
}

const BUTTONS = [
  { kind: "kill", label: "Kill one" },
  { kind: "hog", label: "Hog one" },
];

/** Where an experiment is in its course. Pure. */
function stage({ kind, stage: at, rate_per_s, hog_s, alone, seen_s, replaced_s }) {
  if (kind === "kill") {
    if (!known(seen_s)) return "killed; waiting until the platform notices";
    if (alone) return "noticed; nothing replaces it: it belongs to no fleet";
    return known(replaced_s) ? "replaced; counting lost requests" : "noticed; waiting for its replacement";
  }
  if (at === "before") return `before: the load is raised to ${rate(rate_per_s)}/s if it is lower, to have something to compare with`;
  if (at === "during") return `it uses all the CPU it can get for ${hog_s} s; watch the others`;
  return "the hog has ended; do the others recover?";
}

const known = (value) => value !== null && value !== undefined;

/** What the kernel counted: the hog's CPU, and each neighbor's waiting for a core without and beside it. */
function Isolation({ isolation: { hog, neighbors }, short }) {
  return html`${hog && html`<div><dt>received CPU</dt>
      <dd>${cores(hog.received_cores)} <small>of ${count(hog.requested_cores)} cores asked for, limit</small> ${cores(hog.limit_cores)}</dd></div>`}
    ${neighbors.map((each) => html`<div class=${each.delayed ? "bad" : ""}>
      <dt>neighbor ${each.short}${each.culprit ? `, delayed by ${short(each.culprit)}` : ""}: waits for a core, each response</dt>
      <dd>${each.wait_ms === null ? "–" : html`<small>before</small> ${ms(each.wait_ms[0])} <small>during</small> ${ms(each.wait_ms[1])}`}</dd></div>`)}`;
}

function Verdict({ show, earlier }) {
  const verdict = useStore((state) => state.verdict);
  const experiment = useStore((state) => state.experiment);
  const instances = useStore((state) => state.instances);
  const shown = [experiment, verdict].find((each) => each && show.includes(each.kind) && each.id !== earlier);
  const short = (id) => instances.get(id)?.short ?? id?.slice(0, 6);
  if (!shown) return html`<section class="verdict" aria-label="Verdict"><p class="quiet">The result of your next ${show.join(" or ")} appears here.</p></section>`;
  return html`<section class="verdict ${shown.kind} ${shown.held === true ? "good" : shown.held === false ? "bad" : ""}" aria-label="Verdict" aria-live="polite">
    <p class="judged">${shown.sentence ?? `${short(shown.instance_id)}: ${stage(shown)}`}</p>
    <dl>
      <div><dt>${shown.kind === "kill" ? "killed" : "CPU hog"}</dt><dd>${short(shown.instance_id)}</dd></div>
      ${shown.kind === "kill" && html`<div><dt>noticed after</dt><dd>${seconds(shown.seen_s)}</dd></div><div><dt>replaced after</dt><dd>${shown.alone ? "no fleet" : seconds(shown.replaced_s)}</dd></div>`}
      <div><dt>lost</dt><dd>${shown.requests === undefined || shown.requests === null ? "–" : html`${shown.lost} of ${plural(shown.requests, "request")}`}</dd></div>
      ${shown.isolation && html`<${Isolation} isolation=${shown.isolation} short=${short} />`}
      ${shown.worst
        ? html`<div class="worst"><dt>slowed most: ${short(shown.worst.instance_id)}, <${Word} name=${shown.worst.tail}>${shown.worst.tail === "max" ? "slowest" : shown.worst.tail}<//> of its answers</dt>
          <dd><small>before</small> ${ms(shown.worst.before_ms)} <small>during</small> ${ms(shown.worst.during_ms)} <small>after</small> ${ms(shown.worst.after_ms)}</dd></div>`
        : !experiment && shown.windows && html`<div class="worst"><dt>slowed most</dt><dd>no measurable effect</dd></div>`}
    </dl>
  </section>`;
}
