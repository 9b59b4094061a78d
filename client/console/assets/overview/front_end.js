// @ts-check
// The front end: its rate, its latencies and its counters.

import { html } from "../lib/ui.js";
import { count, ms, rate } from "../lib/format.js";
import { Sparkline } from "../lib/sparkline.js";
import { useStore } from "../lib/store.js";
import { Term } from "../lib/terms.js";

const SINCE = "since the front end started";

/** @param {{ second: Second | undefined }} props */
export function FrontEnd({ second }) {
  const seconds = useStore((state) => state.seconds);
  const counters = useStore((state) => state.counters);
  const all = [...seconds.values()];
  const failed = counters ? count(counters.failed + counters.shed) : "–";
  const total = html`<dd class="since" title=${SINCE}>total</dd>`;
  return html`<section class="front-end" data-anchor="front" aria-label="Front end">
    <h2><${Term} name="front end">Front end<//></h2>
    <dl>
      <div><dt><${Term} name="req/s" /></dt><dd>${rate(second?.req_s)}</dd>
        <${Sparkline} values=${all.map((each) => each.req_s)} /></div>
      <div><dt><${Term} name="p50 now">p50 <small>10 s</small><//></dt><dd>${ms(second?.p50_ms)}</dd></div>
      <div><dt><${Term} name="p99 now">p99 <small>10 s</small><//></dt><dd>${ms(second?.p99_ms)}</dd>
        <${Sparkline} values=${all.map((each) => each.p99_ms)} /></div>
      <div><dt><${Term} name="in flight" /></dt><dd>${second?.in_flight ?? "–"}</dd></div>
      <div><dt>failed</dt><dd class=${(second?.failed_s ?? 0) > 0 ? "bad" : ""}>${failed}</dd>${total}</div>
      <div><dt><${Term} name="hedge">hedges<//></dt><dd>${count(counters?.hedges)}</dd>${total}</div>
    </dl>
  </section>`;
}
