// Starting a load, changing its rate, ending it.

import { html, useState } from "../lib/ui.js";
import { patch, post, remove } from "../lib/api.js";
import { Word } from "../lib/words.js";
import { useActing, useHindrance } from "./acting.js";

export const Controls = ({ load }) => (load?.running ? html`<${Steering} load=${load} />` : html`<${Starting} />`);

function Steering({ load }) {
  const [busy, said, act] = useActing();
  const [typed, type] = useState("");
  const why = useHindrance();
  const open = load.loop === "open";
  const set = (event) => {
    event.preventDefault();
    act("changing …", () => patch("/api/load", { rate_per_s: Number(typed) }).then(() => type("")));
  };
  const step = (by) => act("changing …", () => patch("/api/load", { step: by }));
  return html`<section class="controls" aria-label="Steering the load">
    ${open && html`<form class="inline" onSubmit=${set}>
      <button type="button" class="step" aria-label="Fewer requests a second" disabled=${Boolean(why)} title=${why} onClick=${() => step(-1)}>−</button>
      <label for="rate">Rate, requests/s</label>
      <input id="rate" type="number" min="0" step="any" inputmode="decimal" placeholder=${Math.round(load.rate_per_s * 10) / 10} value=${typed} disabled=${Boolean(why)} onInput=${(event) => type(event.target.value)} />
      <button type="submit" disabled=${Boolean(why) || typed === ""} title=${why}>Set</button>
      <button type="button" class="step" aria-label="More requests a second" disabled=${Boolean(why)} title=${why} onClick=${() => step(1)}>+</button>
    </form>`}
    ${!open && html`<p>${load.users} users, each waiting for the answer before the next request.</p>`}
    <button type="button" class="stop" disabled=${Boolean(why)} title=${why} onClick=${() => act("waiting for the last answers …", () => remove("/api/load"))}>Stop</button>
    <p role="status">${said || busy || why}</p>
  </section>`;
}

let typed = { kind: "rate", rate: "20", users: "5", think: "1", seconds: "", poisson: false, url: "" };

function Starting() {
  const [form, set] = useState(typed);
  // What was typed last is offered again after a run, and after a look at another page.
  const fill = (next) => set((typed = next));
  const [busy, said, act] = useActing();
  const why = useHindrance();
  const field = (name) => ({ id: `load-${name}`, value: form[name], onInput: (event) => fill({ ...form, [name]: event.target.value }) });
  const kind = (name) => ({ type: "radio", name: "kind", checked: form.kind === name, onChange: () => fill({ ...form, kind: name }) });
  const start = (event) => {
    event.preventDefault();
    act("starting …", () => post("/api/load", asked(form)));
  };
  return html`<form class="controls start" onSubmit=${start} aria-label="Start a load">
    <fieldset><legend>Kind of load</legend>
      <label class="pick"><input ...${kind("rate")} /> a rate of requests</label>
      <label class="pick"><input ...${kind("users")} /> users who wait for each answer</label>
      <p class="quiet">${form.kind === "rate"
        ? html`<${Word} name="open loop" />: requests arrive at this rate however slow the answers are`
        : html`<${Word} name="closed loop" />: a slow service gets fewer requests`}</p>
    </fieldset>
    ${form.kind === "rate"
      ? html`<div class="field"><label for="load-rate">Requests/s</label><input type="number" min="0" step="any" required ...${field("rate")} />
          <label class="pick"><input type="checkbox" checked=${form.poisson} onChange=${(event) => fill({ ...form, poisson: event.target.checked })} /> at random times (Poisson)</label></div>`
      : html`<div class="field"><label for="load-users">Users</label><input type="number" min="1" step="1" required ...${field("users")} /></div>
          <div class="field"><label for="load-think">Think time, s</label><input type="number" min="0" step="any" ...${field("think")} /></div>`}
    <div class="field"><label for="load-seconds">For seconds</label><input type="number" min="0" step="any" placeholder="until stopped" ...${field("seconds")} /></div>
    <div class="field wide"><label for="load-url">URL</label><input type="url" placeholder="the search service" ...${field("url")} /></div>
    <button type="submit" class="go" disabled=${Boolean(why || busy)} title=${why}>Start load</button>
    <p role="status" class=${said ? "bad" : ""}>${said || busy || why}</p>
  </form>`;
}

/** The form as the console takes it: empty fields are left out. Pure. */
export function asked(form) {
  const number = (text) => (text === "" ? null : Number(text));
  const who = form.kind === "rate" ? { rate_per_s: number(form.rate), poisson: form.poisson } : { users: number(form.users), think_s: number(form.think) };
  return { ...who, seconds: number(form.seconds), url: form.url.trim() || null };
}
