// An instance's state: a word of EC2's six, with a shape and a colour of its own.

import { html } from "./ui.js";

const SHAPES = {
  pending: "◔",
  running: "●",
  stopping: "◑",
  stopped: "■",
  "shutting-down": "◒",
  terminated: "✕",
};

/** `brief`: one word, where there is room for one; what hogs runs. Why one is impaired is shown when it is pointed at. */
export function State({ instance, brief }) {
  const hogs = html`<b class="hogs"><span class="shape" aria-hidden="true">▲</span> CPU hog</b>`;
  if (brief && instance.hogging && instance.state === "running") return html`<span class="state">${hogs}</span>`;
  return html`<span class="state is-${instance.state}">
    <span class="shape" aria-hidden="true">${SHAPES[instance.state] ?? "?"}</span> ${instance.state}${instance.hogging && html` ${hogs}`}
    ${instance.impaired && html` <b class="bad" title=${instance.impaired}>impaired</b>`}
  </span>`;
}
