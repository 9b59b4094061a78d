// Faults: kill it as a crash would, or start a CPU hog in it. What is in progress is shown, with its end and a way to end it now.

import { html, useState } from "../lib/ui.js";
import { post, remove } from "../lib/api.js";
import { clock } from "../lib/format.js";
import { useWhyNot } from "../lib/may.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";
import { Actions, Button } from "./acting.js";

export function Faults({ instance }) {
  const whyNot = useWhyNot();
  const experiment = useStore((state) => state.experiment);
  const verdict = useStore((state) => state.verdict);
  const [said, say] = useState("");
  const [hog, set] = useState({ seconds: 10, workers_per_vcpu: 8 });
  const why = whyNot || (instance.cannot.hog ?? "");
  const path = `/api/instances/${instance.id}/hog`;
  const asked = (promise) => promise.then(() => say(""), (error) => say(error.message));
  const number = (name) => (event) => set({ ...hog, [name]: event.target.valueAsNumber });
  return html`<div class="faults">
    ${instance.hog && html`<${UnderWay} hog=${instance.hog} why=${whyNot} onEnd=${() => asked(remove(path))} />`}
    ${experiment?.instance_id === instance.id && html`<p>The ${experiment.title} is being measured: ${experiment.sentence} …</p>`}
    <p role="alert" class="bad">${said}</p>
    <section><h2><${Word} name="kill">Kill<//></h2><p>Ends the program instantly. The platform is not told and has to find out.</p>
      <div class="actions"><${Actions} instance=${instance} say=${say} names=${["kill"]} /></div></section>
    <section><h2><${Word} name="hog">Hog<//></h2><p>Busy loops inside the instance, within its own limits. The other instances are measured before, during and after.</p>
      <div class="three">
        <div class="field"><label for="hog-s">Seconds</label><input id="hog-s" type="number" min="1" max="60" value=${hog.seconds} onInput=${number("seconds")} /></div>
        <div class="field"><label for="hog-w">Busy loops per vCPU</label><input id="hog-w" type="number" min="1" max="64" value=${hog.workers_per_vcpu} onInput=${number("workers_per_vcpu")} /></div>
        <div class="field end"><${Button} label="Hog" class="on-hog" why=${why} onPress=${() => asked(post(path, hog))} /></div>
      </div></section>
    ${verdict?.instance_id === instance.id && html`<section><h2>Last result</h2><p>${verdict.sentence}</p></section>`}
  </div>`;
}

function UnderWay({ hog, why, onEnd }) {
  const now = useStore((state) => state.now);
  const left = hog.until === null ? null : Math.max(0, Math.ceil(hog.until - (now ?? hog.at)));
  return html`<div class="under-way"><p><b class="hogs">▲ CPU hog</b> since ${clock(hog.at)}${left !== null && `, ends by itself at ${clock(hog.until)}, in ${left} s`}</p>
    <${Button} label="End now" why=${why} onPress=${onEnd} /></div>`;
}
