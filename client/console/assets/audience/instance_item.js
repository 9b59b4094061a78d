// @ts-check
// An instance on a phone: its state by shape and word, and its rate.

import { html } from "../lib/ui.js";
import { rate } from "../lib/format.js";
import { InstanceState } from "../lib/instance_state.js";

/** @param {{ instance: Instance, now?: InstanceSecond }} props */
export const InstanceItem = ({ instance: { id, short, state }, instance, now }) =>
  html`<li class="instance is-${state}" data-anchor=${id}>
    <b>${short}</b> <${InstanceState} instance=${instance} />
    ${state === "running" && html`<span class="rate">${rate(now?.req_s)} <small>req/s</small></span>`}</li>`;
