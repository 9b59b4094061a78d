// @ts-check
// The heading: what the dots are, how much they are slowed down, and the button that pauses all motion.

import { html } from "../lib/ui.js";
import { choose, useStore } from "../lib/store.js";

const SCALES = [1, 10, 50, 100, 200, 500, 1000];
const SHARED_KERNEL = /^(\w+), shared kernel (.+)$/;

/**
 * "container, shared kernel 6.18" as a sentence. Pure.
 * @param {string} one
 */
export function instanceKind(one) {
  const [, kind, kernel] = SHARED_KERNEL.exec(one) ?? [];
  if (!kind) return `Each instance: ${one}.`;
  return `Instances are ${kind}${kind.endsWith("s") ? "es" : "s"}; they share Linux kernel ${kernel}.`;
}

export function Header() {
  const slower = useStore((state) => state.slower);
  const paused = useStore((state) => state.paused);
  const cloud = useStore((state) => state.cloud);
  /** @param {any} event */
  const onScale = (event) => choose({ slower: Number(event.target.value) });
  return html`<div class="heading">
    <h1>Each dot is a real request, shown ${slower === 1 ? "at full speed" : html`${slower} times slower`}.</h1>
    <label>1 second on screen = <select value=${slower} onChange=${onScale}>
      ${SCALES.map((each) => html`<option value=${each}>${1000 / each} ms</option>`)}
    </select> <span class="real">of real time</span></label>
    <button type="button" class="pause" aria-pressed=${paused} onClick=${() => choose({ paused: !paused })}>${
      paused ? "▶ Continue" : "❚❚ Pause"
    }</button>
    ${cloud?.one && html`<span class="kind">${instanceKind(cloud.one)}</span>`}
  </div>`;
}
