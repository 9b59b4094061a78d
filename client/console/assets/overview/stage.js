// The stage: fixed columns from left to right, and the layer of dots over them.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { ms } from "../lib/format.js";
import { go } from "../lib/route.js";
import { onRequests, useStore } from "../lib/store.js";
import { GuestTokens } from "../share/tokens.js";
import { Front } from "./front.js";
import { present } from "./ghosts.js";
import { Host } from "./host.js";
import { Sources } from "./sources.js";

/** `only`: which requests are drawn, where not all of them. */
export function Stage({ only }) {
  const hosts = useStore((state) => state.hosts);
  const instances = useStore((state) => state.instances);
  const slower = useStore((state) => state.slower);
  const stopped = useStore((state) => state.paused);
  const second = useStore((state) => [...state.seconds.values()].at(-1));
  const load = useStore((state) => state.load);
  const now = useStore((state) => Math.floor(state.now));
  const theme = useStore((state) => state.theme);
  const presenting = useStore((state) => state.presenting);
  const stage = useRef();
  const canvas = useRef();
  const under = useRef();
  const layer = useRef();
  const [held, hold] = useState(null);

  useEffect(() => {
    const places = { canvas: canvas.current, under: under.current, stage: stage.current };
    const pick = (request) => go(`request/${request.id}`);
    const tokens = (layer.current = new GuestTokens(places, { pick, hover: hold }));
    const forget = onRequests((requests) => tokens.add(only ? requests.filter(only) : requests));
    return () => {
      forget();
      tokens.close();
    };
  }, [only]);
  useEffect(() => layer.current.set({ stopped, slower }), [stopped, slower]);
  useEffect(() => layer.current.set({ flows: flows(second, instances, load) }), [second, instances, load]);
  const shown = present([...instances.values()], now);
  // Cards come and go with instances: where dots fly to is measured again.
  useLayoutEffect(() => layer.current?.measure(), [instances, hosts, theme, presenting, shown.length]);
  return html`<div class="stage" ref=${stage}>
      <canvas class="under" ref=${under} aria-hidden="true"></canvas>
      <div class="column"><${Sources} /></div>
      <div class="column"><${Front} second=${second} /></div>
      <div class="column hosts">${hosts.map(
        (host) => html`<${Host} key=${host.id} host=${host} hosts=${hosts} instances=${shown.filter((each) => each.host === host.id)} now=${now} />`,
      )}</div>
      <canvas ref=${canvas} aria-hidden="true"></canvas>
      ${held && html`<${Held} held=${held} />`}
    </div>`;
}

function Held({ held: { request, x, y, cut } }) {
  const place = { left: `${x + 14}px`, top: `${y + 14}px` };
  return html`<div class="held" style=${place}><b>“<bdi>${request.query}</bdi>”</b><br />${ms(request.total_ms)}, from ${request.source}
    ${request.status >= 400 && html`<br />status ${request.status}`}${cut && html`<br />too slow to draw: cut short`}<br /><small>click for details</small></div>`;
}

/** Rates by edge: from each source, and to each instance. A load on instances themselves leads to them. */
function flows(second, instances, load) {
  const found = new Map([["source-load>front", 0], ["source-you>front", 0], ["source-others>front", 0]]);
  if (load?.running && !load.aim.service) {
    found.delete("source-load>front");
    for (const id of load.aim.instances) found.set(`source-load>${id}`, load.rate_per_s ?? 0);
  } else if (second) found.set("source-load>front", second.req_s ?? 0);
  if (!second) return found;
  for (const [id, machine] of Object.entries(second.machines)) {
    if (instances.get(id)?.state === "running" && machine.req_s !== undefined) found.set(`front>${id}`, machine.req_s ?? 0);
  }
  return found;
}
