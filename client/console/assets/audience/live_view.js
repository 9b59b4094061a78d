// @ts-check
// The live view: sources, the front end, hosts with their instances, and the dots between them; with numbers.

import { html, useEffect, useLayoutEffect, useRef } from "../lib/ui.js";
import { ms, rate } from "../lib/format.js";
import { choose, current, onRequests, setState, useStore } from "../lib/store.js";
import { AudienceDotLayer } from "../share/audience_dot_layer.js";
import { InstanceItem } from "./instance_item.js";
import { LastRequests } from "./last_requests.js";

const DENSE_FROM = 13;
/** @type {Set<string>} */
const mine = new Set();
/** @type {AudienceDotLayer | null} */
let layer = null;

/** Emphasises the dot of this phone's own request. @param {string} id */
export function addOwnRequest(id) {
  mine.add(id);
  const row = current().requests.get(id);
  if (row && layer && !current().reducedMotion) layer.add([row]);
}

export function LiveView() {
  const second = useStore((state) => [...state.seconds.values()].at(-1));
  const off = useStore((state) => state.reducedMotion);
  const paused = useStore((state) => state.paused);
  const slower = useStore((state) => state.slower);
  const toggle = () => (off ? choose({ reducedMotion: false, paused: false }) : setState({ paused: !paused }));
  return html`<section class="live" aria-label="Live">
    <h2>The cloud now</h2>
    <p><b>${rate(second?.req_s)}</b> requests/s; in the last 10 s, 99 of 100 took less than
      ${" "}<b>${ms(second?.p99_ms)}</b></p>
    <${Experiment} />
    <p class="quiet">${
      off ? "Dots are off; the numbers are live." : `Each dot is a real request, shown ${slower} times slower.`
    }
      <button type="button" aria-pressed=${paused || off} onClick=${toggle}>${
        paused || off ? "Show moving" : "Pause"
      } dots</button></p>
    <${Stage} second=${second} stopped=${paused || off} slower=${slower} />
    <${LastRequests} />
  </section>`;
}

function Experiment() {
  const experiment = useStore((state) => state.experiment);
  const verdict = useStore((state) => state.verdict);
  const result = verdict && [verdict.account, verdict.sentence].filter(Boolean).join("; ");
  const text = experiment ? `${experiment.title} in ${experiment.short}: ${experiment.sentence} …` : result;
  return html`<p role="status" class="verdict" hidden=${!text}>${text}</p>`;
}

/** @param {{ second?: Second, stopped: boolean, slower: number }} props */
function Stage({ second, stopped, slower }) {
  const hosts = useStore((state) => state.hosts);
  const instances = useStore((state) => state.instances);
  const stage = useRef();
  const canvas = useRef();
  const under = useRef();
  useEffect(() => {
    const places = { canvas: canvas.current, under: under.current, stage: stage.current };
    const handlers = { onPick() {}, onHover() {} };
    const dots = (layer = new AudienceDotLayer(places, handlers, (request) => mine.has(request.id)));
    const stop = onRequests((requests) => current().reducedMotion || dots.add(requests));
    return () => {
      stop();
      dots.close();
      layer = null;
    };
  }, []);
  useEffect(() => layer?.set({ stopped, slower }), [stopped, slower]);
  useEffect(() => layer?.set({ flows: flows(second, instances) }), [second, instances]);
  useLayoutEffect(() => layer?.measure(), [instances, hosts]);
  const all = [...instances.values()];
  /** @param {Instance} each */
  const item = (each) => html`<${InstanceItem} key=${each.id} instance=${each} now=${second?.instances[each.id]} />`;
  /** @param {Host} host */
  const box = ({ id }) => html`<section class="host" key=${id} aria-label="Host ${id}"><h3>${id}</h3>
    <ul>${all.filter((each) => each.host === id).map(item)}</ul></section>`;
  return html`<div class="stage ${all.length >= DENSE_FROM ? "dense" : ""}" ref=${stage}>
    <canvas class="under" ref=${under} aria-hidden="true"></canvas>
    <div class="column"><p class="source" data-anchor="source-audience">All of you</p>
      <p class="source" data-anchor="source-load">Load</p><p class="source" data-anchor="source-others">Others</p></div>
    <div class="column"><p class="front-end" data-anchor="front">Front end</p></div>
    <div class="column">${hosts.map(box)}</div>
    <canvas ref=${canvas} aria-hidden="true"></canvas>
  </div>`;
}

/**
 * Rates between anchors: from each source, and to each instance.
 * @param {Second | undefined} second
 * @param {Map<string, Instance>} instances
 */
function flows(second, instances) {
  const found = new Map([["source-audience>front", 0], ["source-load>front", second?.req_s ?? 0]]);
  for (const { id, state } of instances.values()) {
    if (state === "running") found.set(`front>${id}`, second?.instances[id]?.req_s ?? 0);
  }
  return found;
}
