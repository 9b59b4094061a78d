// @ts-check
// Starts a load, changes its rate, stops it.

import { html, useState } from "../lib/ui.js";
import { patch, post, remove } from "../lib/api.js";
import { Term } from "../lib/terms.js";
import { useLoadAction, useLoadDisabledReason } from "./action.js";

/** @param {{ load: LoadRow }} props */
export const Controls = ({ load }) => (load?.running ? html`<${RunningLoad} load=${load} />` : html`<${StartForm} />`);

/** @param {{ load: LoadRow }} props */
function RunningLoad({ load }) {
  const [busy, error, run] = useLoadAction();
  const [typed, setTyped] = useState("");
  const why = useLoadDisabledReason();
  const disabled = Boolean(why);
  const open = load.loop === "open";
  /** @param {Event} event */
  const setRate = (event) => {
    event.preventDefault();
    run("changing …", () => patch("/api/load", { rate_per_s: Number(typed) }).then(() => setTyped("")));
  };
  /** @param {number} by */
  const step = (by) => run("changing …", () => patch("/api/load", { step: by }));
  const stop = () => run("waiting for the last responses …", () => remove("/api/load"));
  /** @param {any} event */
  const onInput = (event) => setTyped(event.target.value);
  return html`<section class="controls" aria-label="Changing the load">
    ${open && html`<form class="inline" onSubmit=${setRate}>
      <button type="button" class="step" aria-label="Fewer requests a second" disabled=${disabled} title=${why}
        onClick=${() => step(-1)}>−</button>
      <label for="rate">Rate, requests/s</label>
      <input id="rate" type="number" min="0" step="any" inputmode="decimal" value=${typed} disabled=${disabled}
        placeholder=${Math.round(load.rate_per_s * 10) / 10} onInput=${onInput} />
      <button type="submit" disabled=${disabled || typed === ""} title=${why}>Set</button>
      <button type="button" class="step" aria-label="More requests a second" disabled=${disabled} title=${why}
        onClick=${() => step(1)}>+</button>
    </form>`}
    ${!open && html`<p>${load.users} users, each waiting for the response before the next request.</p>`}
    <button type="button" class="stop" disabled=${disabled} title=${why} onClick=${stop}>Stop</button>
    <p role="status">${error || busy || why}</p>
  </section>`;
}

/** @typedef {{ kind: string, rate: string, users: string, think: string, seconds: string, poisson: boolean,
 *   url: string }} LoadForm */

/** @type {LoadForm} What was typed last; it is offered again after a run and after a visit to another page. */
let lastForm = { kind: "rate", rate: "20", users: "5", think: "1", seconds: "", poisson: false, url: "" };

function StartForm() {
  const [form, setForm] = useState(lastForm);
  /** @param {Partial<LoadForm>} change */
  const change = (change) => setForm((lastForm = { ...form, ...change }));
  const [busy, error, run] = useLoadAction();
  const why = useLoadDisabledReason();
  /** @param {"rate" | "users" | "think" | "seconds" | "url"} name */
  const field = (name) => ({
    id: `load-${name}`,
    value: form[name],
    onInput: (/** @type {any} */ event) => change({ [name]: event.target.value }),
  });
  /** @param {string} kind */
  const choice = (kind) => {
    const onChange = () => change({ kind });
    return { type: "radio", name: "kind", checked: form.kind === kind, onChange };
  };
  /** @param {Event} event */
  const start = (event) => {
    event.preventDefault();
    run("starting …", () => post("/api/load", startRequest(form)));
  };
  /** @param {any} event */
  const onPoisson = (event) => change({ poisson: event.target.checked });
  const open = form.kind === "rate";
  return html`<form class="controls start" onSubmit=${start} aria-label="Start a load">
    <fieldset><legend>Kind of load</legend>
      <label class="pick"><input ...${choice("rate")} /> a rate of requests</label>
      <label class="pick"><input ...${choice("users")} /> users who wait for each response</label>
      <p class="quiet">${
        open
          ? html`<${Term} name="open loop" />: requests are sent at this rate however slow the responses are`
          : html`<${Term} name="closed loop" />: a slow service gets fewer requests`
      }</p>
    </fieldset>
    ${
      open
        ? html`<div class="field"><label for="load-rate">Requests/s</label>
            <input type="number" min="0" step="any" required ...${field("rate")} />
            <label class="pick"><input type="checkbox" checked=${form.poisson} onChange=${onPoisson} /> at random times
              (Poisson)</label></div>`
        : html`<div class="field"><label for="load-users">Users</label>
            <input type="number" min="1" step="1" required ...${field("users")} /></div>
          <div class="field"><label for="load-think">Think time, s</label>
            <input type="number" min="0" step="any" ...${field("think")} /></div>`
    }
    <div class="field"><label for="load-seconds">Duration, s</label>
      <input type="number" min="0" step="any" placeholder="until stopped" ...${field("seconds")} /></div>
    <div class="field wide"><label for="load-url">URL</label>
      <input type="url" placeholder="the search service" ...${field("url")} /></div>
    <button type="submit" class="go" disabled=${Boolean(why || busy)} title=${why}>Start load</button>
    <p role="status" class=${error ? "bad" : ""}>${error || busy || why}</p>
  </form>`;
}

/** The form as the console expects it: empty fields are left out. Pure. @param {LoadForm} form */
export function startRequest(form) {
  /** @param {string} text */
  const number = (text) => (text === "" ? null : Number(text));
  const loop =
    form.kind === "rate"
      ? { rate_per_s: number(form.rate), poisson: form.poisson }
      : { users: number(form.users), think_s: number(form.think) };
  return { ...loop, seconds: number(form.seconds), url: form.url.trim() || null };
}
