// The live view: who sends requests, the front end, hosts with their instances, and the dots between them; with numbers.

import { html, useEffect, useLayoutEffect, useRef } from "../lib/ui.js";
import { ms, rate } from "../lib/format.js";
import { choose, current, onRequests, put, useStore } from "../lib/store.js";
import { GuestTokens } from "../share/tokens.js";
import { Instance } from "./instance.js";
import { Last } from "./last.js";

const mine = new Set();
let layer = null;

/** Remembers that a request was this phone's own, so that its dot stands out. */
export function noteMine(id) {
  mine.add(id);
  const row = current().requests.get(id);
  if (row && layer && !current().still) layer.add([row]);
}

export function Live() {
  const second = useStore((state) => [...state.seconds.values()].at(-1));
  const still = useStore((state) => state.still);
  const paused = useStore((state) => state.paused);
  const slower = useStore((state) => state.slower);
  return html`<section class="live" aria-label="Live">
    <h2>The cloud now</h2>
    <p><b>${rate(second?.req_s)}</b> requests/s; in the last 10 s, 99 of 100 took less than <b>${ms(second?.p99_ms)}</b></p>
    <${Experiment} />
    <p class="quiet">${still ? "Dots are off; the numbers are live." : `Each dot is a real request, shown ${slower} times slower.`}
      <button type="button" aria-pressed=${paused || still} onClick=${() => (still ? choose({ still: false, paused: false }) : put({ paused: !paused }))}>${paused || still ? "Show moving" : "Pause"} dots</button></p>
    <${Stage} second=${second} stopped=${paused || still} slower=${slower} />
    <${Last} />
  </section>`;
}

function Experiment() {
  const experiment = useStore((state) => state.experiment);
  const verdict = useStore((state) => state.verdict);
  const text = experiment
    ? `${experiment.title} in ${experiment.short}: ${experiment.sentence} …`
    : verdict && [verdict.account, verdict.sentence].filter(Boolean).join("; ");
  return html`<p role="status" class="verdict" hidden=${!text}>${text}</p>`;
}

function Stage({ second, stopped, slower }) {
  const hosts = useStore((state) => state.hosts);
  const instances = useStore((state) => state.instances);
  const stage = useRef();
  const canvas = useRef();
  const under = useRef();
  useEffect(() => {
    const places = { canvas: canvas.current, under: under.current, stage: stage.current };
    layer = new GuestTokens(places, { pick() {}, hover() {} }, (request) => mine.has(request.id));
    const forget = onRequests((requests) => current().still || layer.add(requests));
    return () => {
      forget();
      layer.close();
      layer = null;
    };
  }, []);
  useEffect(() => layer.set({ stopped, slower }), [stopped, slower]);
  useEffect(() => layer.set({ flows: flows(second, instances) }), [second, instances]);
  useLayoutEffect(() => layer?.measure(), [instances, hosts]);
  const all = [...instances.values()];
  return html`<div class="stage ${all.length > 12 ? "dense" : ""}" ref=${stage}>
    <canvas class="under" ref=${under} aria-hidden="true"></canvas>
    <div class="column"><p class="source" data-anchor="source-audience">All of you</p><p class="source" data-anchor="source-load">Load</p><p class="source" data-anchor="source-others">Others</p></div>
    <div class="column"><p class="front" data-anchor="front">Front end</p></div>
    <div class="column">${hosts.map(
      (host) => html`<section class="host" key=${host.id} aria-label="Host ${host.id}"><h3>${host.id}</h3>
        <ul>${all.filter((each) => each.host === host.id).map((each) => html`<${Instance} key=${each.id} instance=${each} now=${second?.machines[each.id]} />`)}</ul></section>`,
    )}</div>
    <canvas ref=${canvas} aria-hidden="true"></canvas>
  </div>`;
}

/** Rates by edge: from each source, and to each instance. */
function flows(second, instances) {
  const found = new Map([["source-audience>front", 0], ["source-load>front", second?.req_s ?? 0]]);
  for (const { id, state } of instances.values()) if (state === "running") found.set(`front>${id}`, second?.machines[id]?.req_s ?? 0);
  return found;
}
