// @ts-check
// Faults: kill the instance as a crash would, or run a CPU hog in it. A running hog is shown with a button that ends
// it.

import { html, useState } from "../lib/ui.js";
import { post, remove } from "../lib/api.js";
import { clock } from "../lib/format.js";
import { useDisabledReason } from "../lib/permission.js";
import { useStore } from "../lib/store.js";
import { Term } from "../lib/terms.js";
import { Actions, Button } from "./actions.js";

/** @param {{ instance: Instance }} props */
export function Faults({ instance }) {
  const disabledReason = useDisabledReason();
  const verdict = useStore((state) => state.verdict);
  const [error, setError] = useState("");
  const [plan, setPlan] = useState({ seconds: 10, workers_per_vcpu: 8 });
  const path = `/api/instances/${instance.id}/hog`;
  /** @param {Promise<unknown>} request */
  const send = (request) => request.then(() => setError(""), (failed) => setError(failed.message));
  /** @param {string} id @param {string} label @param {"seconds" | "workers_per_vcpu"} name @param {number} max */
  const field = (id, label, name, max) => html`<div class="field"><label for=${id}>${label}</label>
    <input id=${id} type="number" min="1" max=${max} value=${plan[name]}
      onInput=${(/** @type {any} */ { target }) => setPlan({ ...plan, [name]: target.valueAsNumber })} /></div>`;
  return html`<div class="faults">
    ${instance.hog && html`<${RunningHog} hog=${instance.hog} why=${disabledReason}
      onEnd=${() => send(remove(path))} />`}
    <${Measured} instance=${instance} />
    <p role="alert" class="bad">${error}</p>
    <section><h2><${Term} name="kill">Kill<//></h2>
      <p>Ends the program instantly. The platform is not notified and has to find out.</p>
      <div class="actions"><${Actions} instance=${instance} onResult=${setError} names=${["kill"]} /></div></section>
    <section><h2><${Term} name="hog">CPU hog<//></h2>
      <p>Busy loops inside the instance, within its own limits. The other instances are measured before, during and
        after.</p>
      <div class="three">
        ${field("hog-s", "Seconds", "seconds", 60)}${field("hog-w", "Busy loops per vCPU", "workers_per_vcpu", 64)}
        <div class="field end"><${Button} label="Start CPU hog" class="on-hog"
          why=${disabledReason || (instance.disabled.hog ?? "")} onPress=${() => send(post(path, plan))} /></div>
      </div></section>
    ${verdict?.instance_id === instance.id && html`<section><h2>Last result</h2><p>${verdict.sentence}</p></section>`}
  </div>`;
}

/** @param {{ instance: Instance }} props */
function Measured({ instance }) {
  const experiment = useStore((state) => state.experiment);
  if (experiment?.instance_id !== instance.id) return null;
  return html`<p>The ${experiment.title} is being measured: ${experiment.sentence} …</p>`;
}

/** @param {{ hog: Hog, why: string, onEnd: () => void }} props */
function RunningHog({ hog, why, onEnd }) {
  const now = useStore((state) => state.now);
  const end = hog.until && `, ends by itself at ${clock(hog.until)}, in ${Math.max(0, Math.ceil(hog.until - now))} s`;
  return html`<div class="running-hog"><p><b class="hogs">▲ CPU hog</b> since ${clock(hog.at)}${end}</p>
    <${Button} label="End now" why=${why} onPress=${onEnd} /></div>`;
}
