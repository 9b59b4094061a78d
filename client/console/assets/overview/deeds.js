// The two large buttons, and the strip that tells what they cost whom.

import { html, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { ms, plural, rate, seconds } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";

/** `show`: which of the two buttons. */
export function Deeds({ show = ["kill", "hog"] }) {
  const session = useStore((state) => state.session);
  const experiment = useStore((state) => state.experiment);
  const [said, say] = useState("");
  const why = !session.may_act ? "This page may only look: open the address that glasscloud status prints." : experiment ? `The ${experiment.kind} is still being measured.` : "";
  const start = (kind) => post(`/api/experiments/${kind}`).then(() => say(""), (error) => say(error.message));
  return html`<div class="deeds">
    <div class="buttons">
      ${BUTTONS.filter((each) => show.includes(each.kind)).map(
        ({ kind, label }) => html`<button type="button" class="big ${kind}" disabled=${Boolean(why)} aria-describedby="why-not" onClick=${() => start(kind)}>${label}</button>`,
      )}
      <p id="why-not" role="status">${said || why}</p>
    </div>
    <${Verdict} />
  </div>`;
}

const BUTTONS = [
  { kind: "kill", label: "Kill one" },
  { kind: "hog", label: "Hog one" },
];

/** Where an experiment is in its course. Pure. */
function stage({ kind, stage: at, rate_per_s, hog_s, seen_s, replaced_s }) {
  if (kind === "kill") return !known(seen_s) ? "killed; waiting until it is seen" : !known(replaced_s) ? "seen; waiting for its replacement" : "replaced; counting what was lost";
  if (at === "before") return `before: the load is raised to ${rate(rate_per_s)}/s, if it is less, to have something to compare with`;
  if (at === "during") return `it burns all the CPU it gets for ${hog_s} s; watch the others`;
  return "it is calm again; how do the others recover?";
}

const known = (value) => value !== null && value !== undefined;

function Verdict() {
  const verdict = useStore((state) => state.verdict);
  const experiment = useStore((state) => state.experiment);
  const instances = useStore((state) => state.instances);
  const shown = experiment ?? verdict;
  const short = (id) => instances.get(id)?.short ?? id?.slice(0, 6);
  if (!shown) return html`<section class="verdict" aria-label="Verdict"><p class="quiet">Who dies, how soon it is seen and healed, and who was hurt, stands here.</p></section>`;
  return html`<section class="verdict ${shown.held === true ? "good" : shown.held === false ? "bad" : ""}" aria-label="Verdict" aria-live="polite">
    <p class="judged">${shown.sentence ?? `${short(shown.instance_id)}: ${stage(shown)}`}</p>
    <dl>
      <div><dt>${shown.kind === "kill" ? "killed" : "hogged"}</dt><dd>${short(shown.instance_id)}</dd></div>
      ${shown.kind === "kill" && html`<div><dt>seen after</dt><dd>${seconds(shown.seen_s)}</dd></div><div><dt>replaced after</dt><dd>${seconds(shown.replaced_s)}</dd></div>`}
      <div><dt>lost</dt><dd>${shown.requests === undefined || shown.requests === null ? "–" : html`${shown.lost} of ${plural(shown.requests, "request")}`}</dd></div>
      ${shown.worst
        ? html`<div class="worst"><dt>worst victim ${short(shown.worst.instance_id)}, <${Word} name=${shown.worst.tail}>${shown.worst.tail === "max" ? "slowest" : shown.worst.tail}<//></dt>
          <dd>${ms(shown.worst.before_ms)} → ${ms(shown.worst.during_ms)} → ${ms(shown.worst.after_ms)}</dd></div>`
        : !experiment && shown.windows && html`<div class="worst"><dt>worst victim, before → during → after</dt><dd>none that could be measured</dd></div>`}
    </dl>
  </section>`;
}
