// The one sentence on top, with the scale that it states and the button that stops all motion.

import { html } from "../lib/ui.js";
import { rate } from "../lib/format.js";
import { choose, useStore } from "../lib/store.js";

const SCALES = [1, 10, 50, 100, 200, 500, 1000];
export const SAMPLES_PER_S = 50;

export function Sentence() {
  const slower = useStore((state) => state.slower);
  const paused = useStore((state) => state.paused);
  const last = useStore((state) => [...state.seconds.values()].at(-1));
  const cloud = useStore((state) => state.cloud);
  const many = last?.req_s > SAMPLES_PER_S;
  return html`<div class="sentence">
    <h1>Each dot is a real request, ${slower === 1 ? "as fast as life" : html`${slower} × slower than life`}.</h1>
    <label>1 s here = <select value=${slower} onChange=${(event) => choose({ slower: Number(event.target.value) })}>
      ${SCALES.map((each) => html`<option value=${each}>${1000 / each} ms</option>`)}
    </select></label>
    <button type="button" class="pause" aria-pressed=${paused} onClick=${() => choose({ paused: !paused })}>${paused ? "▶ Go on" : "❚❚ Pause"}</button>
    ${cloud?.one && html`<span class="one">Each instance: ${cloud.one}.</span>`}
    ${many && html`<span class="sampled">about ${SAMPLES_PER_S} of ${rate(last.req_s)} requests a second are drawn; the numbers count all</span>`}
  </div>`;
}
