// @ts-check
// The stage: fixed columns from left to right, and the layer of dots over them.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { ms } from "../lib/format.js";
import { go } from "../lib/route.js";
import { onRequests, useStore } from "../lib/store.js";
import { AudienceDotLayer } from "../share/audience_dot_layer.js";
import { onStage } from "./dead_instances.js";
import { FrontEnd } from "./front_end.js";
import { HostBox } from "./host_box.js";
import { Sources } from "./sources.js";

/**
 * `only`: which requests are drawn, if not all.
 * @param {{ only?: (request: RequestRow) => boolean }} props
 */
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
  const [hovered, setHovered] = useState(/** @type {import("./dot_layer.js").Hovered | null} */ (null));

  useEffect(() => {
    const places = { canvas: canvas.current, under: under.current, stage: stage.current };
    const handlers = { onPick: (/** @type {RequestRow} */ { id }) => go(`request/${id}`), onHover: setHovered };
    const dots = (layer.current = new AudienceDotLayer(places, handlers));
    const stop = onRequests((requests) => dots.add(only ? requests.filter(only) : requests));
    return () => {
      stop();
      dots.close();
    };
  }, [only]);
  useEffect(() => layer.current.set({ stopped, slower }), [stopped, slower]);
  useEffect(() => layer.current.set({ flows: flows(second, instances, load) }), [second, instances, load]);
  const shown = onStage([...instances.values()], now);
  // Cards come and go with instances: the ends of the lines are measured again.
  useLayoutEffect(() => layer.current?.measure(), [instances, hosts, theme, presenting, shown.length]);
  return html`<div class="stage" ref=${stage}>
      <canvas class="under" ref=${under} aria-hidden="true"></canvas>
      <div class="column"><${Sources} /></div>
      <div class="column"><${FrontEnd} second=${second} /></div>
      <div class="column hosts">${hosts.map(
        (host) => html`<${HostBox} key=${host.id} host=${host} hosts=${hosts} now=${now}
          instances=${shown.filter((each) => each.host === host.id)} />`,
      )}</div>
      <canvas ref=${canvas} aria-hidden="true"></canvas>
      ${hovered && html`<${HoverCard} hovered=${hovered} />`}
    </div>`;
}

/** @param {{ hovered: import("./dot_layer.js").Hovered }} props */
function HoverCard({ hovered: { request, x, y, cut } }) {
  const place = { left: `${x + 14}px`, top: `${y + 14}px` };
  return html`<div class="hover-card" style=${place}><b>“<bdi>${request.query}</bdi>”</b><br />
    ${ms(request.total_ms)}, from ${request.source}
    ${request.status >= 400 && html`<br />status ${request.status}`}
    ${cut && html`<br />too slow to draw: cut short`}<br /><small>click for details</small></div>`;
}

/**
 * Rates between anchors: from each source, and to each instance. A load on instances leads to them directly.
 * @param {Second | undefined} second
 * @param {Map<string, Instance>} instances
 * @param {LoadRow} load
 */
function flows(second, instances, load) {
  /** @type {Map<string, number>} */
  const found = new Map([["source-load>front", 0], ["source-you>front", 0], ["source-others>front", 0]]);
  if (load?.running && !load.target.service) {
    found.delete("source-load>front");
    for (const id of load.target.instances) found.set(`source-load>${id}`, load.rate_per_s ?? 0);
  } else if (second) found.set("source-load>front", second.req_s ?? 0);
  if (!second) return found;
  for (const [id, { req_s }] of Object.entries(second.instances)) {
    if (instances.get(id)?.state === "running" && req_s !== undefined) found.set(`front>${id}`, req_s ?? 0);
  }
  return found;
}
