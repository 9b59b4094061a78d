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

export const State = ({ instance }) => html`<span class="state is-${instance.state}">
  <span class="shape" aria-hidden="true">${SHAPES[instance.state] ?? "?"}</span> ${instance.state}${instance.hogging && html`<b class="hogs"> ▲ hogging</b>`}
</span>`;
