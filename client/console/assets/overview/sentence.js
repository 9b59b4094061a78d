// The one sentence on top, with the scale that it states and the button that stops all motion.

import { html } from "../lib/ui.js";
import { choose, useStore } from "../lib/store.js";

const SCALES = [1, 10, 50, 100, 200, 500, 1000];
const SHARED = /^(\w+), shared kernel (.+)$/;

/** "container, shared kernel 6.18" as a sentence. Pure. */
export function kindOf(one) {
  const [, kind, kernel] = SHARED.exec(one) ?? [];
  if (!kind) return `Each instance: ${one}.`;
  return `Instances are ${kind}${kind.endsWith("s") ? "es" : "s"}; they share Linux kernel ${kernel}.`;
}

export function Sentence() {
  const slower = useStore((state) => state.slower);
  const paused = useStore((state) => state.paused);
  const cloud = useStore((state) => state.cloud);
  return html`<div class="sentence">
    <h1>Each dot is a real request, shown ${slower === 1 ? "at full speed" : html`${slower} times slower`}.</h1>
    <label>1 second on screen = <select value=${slower} onChange=${(event) => choose({ slower: Number(event.target.value) })}>
      ${SCALES.map((each) => html`<option value=${each}>${1000 / each} ms</option>`)}
    </select> <span class="real">of real time</span></label>
    <button type="button" class="pause" aria-pressed=${paused} onClick=${() => choose({ paused: !paused })}>${paused ? "▶ Continue" : "❚❚ Pause"}</button>
    ${cloud?.one && html`<span class="one">${kindOf(cloud.one)}</span>`}
  </div>`;
}
