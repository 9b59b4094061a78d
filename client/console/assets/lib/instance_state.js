// @ts-check
// An instance's state: one of EC2's six words, each with its own shape and colour.

import { html } from "./ui.js";

/** @type {Record<string, string>} */
const SHAPES = {
  pending: "◔",
  running: "●",
  stopping: "◑",
  stopped: "■",
  "shutting-down": "◒",
  terminated: "✕",
};

/**
 * With `brief` an active fault replaces the word "running", where there is room for one word only.
 * @param {{ instance: Instance, brief?: boolean }} props
 */
export function InstanceState({ instance, brief }) {
  const { state, faults, impaired } = instance;
  const active = faults.map(({ label }) => html` <b class="faulty"><span class="shape" aria-hidden="true">▲</span>
    ${" "}${label}</b>`);
  if (brief && faults.length && state === "running") return html`<span class="state">${active}</span>`;
  return html`<span class="state is-${state}">
    <span class="shape" aria-hidden="true">${SHAPES[state] ?? "?"}</span> ${state}${active}
    ${impaired && html` <b class="bad" title=${impaired}>impaired</b>`}
  </span>`;
}
