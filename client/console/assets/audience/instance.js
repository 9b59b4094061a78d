// An instance as a phone has room for it: its state by shape and word, and what it does.

import { html } from "../lib/ui.js";
import { rate } from "../lib/format.js";
import { State } from "../lib/state.js";

export const Instance = ({ instance, now }) => html`<li class="instance is-${instance.state}" data-anchor=${instance.id}>
  <b>${instance.short}</b> <${State} instance=${instance} />
  ${instance.state === "running" && html`<span class="rate">${rate(now?.req_s)} <small>req/s</small></span>`}</li>`;
