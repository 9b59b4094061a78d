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
 * With `brief` a running CPU hog replaces the word "running", where there is room for one word only.
 * @param {{ instance: Instance, brief?: boolean }} props
 */
export function InstanceState({ instance, brief }) {
  const { state, hogging, impaired } = instance;
  const hog = html`<b class="hogs"><span class="shape" aria-hidden="true">▲</span> CPU hog</b>`;
  if (brief && hogging && state === "running") return html`<span class="state">${hog}</span>`;
  return html`<span class="state is-${state}">
    <span class="shape" aria-hidden="true">${SHAPES[state] ?? "?"}</span> ${state}${hogging && html` ${hog}`}
    ${impaired && html` <b class="bad" title=${impaired}>impaired</b>`}
  </span>`;
}
