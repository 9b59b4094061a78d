// @ts-check
// Faults: those that are active in the instance, each with a button that ends it, and a form for every experiment and
// every fault that there is. The console says which there are and what can be set; nothing here knows a particular one.

import { html, useState } from "../lib/ui.js";
import { remove } from "../lib/api.js";
import { clock } from "../lib/format.js";
import { useDisabledReason } from "../lib/permission.js";
import { useStore } from "../lib/store.js";
import { Actions, Button } from "./actions.js";

/** @param {{ instance: Instance }} props */
export function Faults({ instance }) {
  const verdict = useStore((state) => state.verdict);
  const actions = useStore((state) => state.actions);
  const [error, setError] = useState("");
  /** @param {ActiveFault} fault */
  const active = (fault) => html`<${Active} key=${fault.id} fault=${fault} onResult=${setError} />`;
  /** @param {Action} action */
  const form = (action) => html`<${Form} key=${action.name} action=${action} instance=${instance}
    onResult=${setError} />`;
  return html`<div class="faults">
    ${instance.faults.map(active)}
    <${Measured} instance=${instance} />
    <p role="alert" class="bad">${error}</p>
    ${actions.filter((each) => each.kind !== "lifecycle").map(form)}
    ${verdict?.instance_id === instance.id && html`<section><h2>Last result</h2><p>${verdict.sentence}</p></section>`}
  </div>`;
}

/** @param {string} text */
const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/**
 * What an experiment or a fault does, and a field for each of its parameters.
 * @param {{ action: Action, instance: Instance, onResult: (message: string) => void }} props
 */
function Form({ action, instance, onResult }) {
  const { name, label, description, kind, parameters } = action;
  const [values, setValues] = useState(Object.fromEntries(parameters.map((each) => [each.name, each.default])));
  /** @param {Parameter} each */
  const field = (each) => html`<div class="field"><label for="${name}-${each.name}">${capital(each.label)}</label>
    <input id="${name}-${each.name}" type="number" min=${each.least} max=${each.most} step=${each.whole ? 1 : "any"}
      value=${values[each.name]} onInput=${(/** @type {any} */ { target }) =>
        setValues({ ...values, [each.name]: target.valueAsNumber })} /></div>`;
  const measured = kind === "experiment" ? " The other instances are measured before, during and after." : "";
  return html`<section><h2>${label}</h2>
    <p>The instance ${description}.${measured}</p>
    <div class="three">${parameters.map(field)}
      <div class="field end"><${Actions} instance=${instance} names=${[name]} options=${values}
        onResult=${onResult} /></div></div></section>`;
}

/** @param {{ instance: Instance }} props */
function Measured({ instance }) {
  const experiment = useStore((state) => state.experiment);
  if (experiment?.instance_id !== instance.id) return null;
  return html`<p>The ${experiment.title} is being measured: ${experiment.sentence} …</p>`;
}

/** @param {{ fault: ActiveFault, onResult: (message: string) => void }} props */
function Active({ fault: { id, label, at, until }, onResult }) {
  const now = useStore((state) => state.now);
  const end = () => remove(`/api/faults/${id}`).then(() => onResult(""), (failed) => onResult(failed.message));
  const ends = until && `, ends by itself at ${clock(until)}, in ${Math.max(0, Math.ceil(until - now))} s`;
  return html`<div class="active-fault"><p><b class="faulty">▲ ${label}</b> since ${clock(at)}${ends}</p>
    <${Button} label="End now" why=${useDisabledReason()} onPress=${end} /></div>`;
}
