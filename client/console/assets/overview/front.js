// The front end: what it does a second, and how long people wait for it.

import { html } from "../lib/ui.js";
import { count, ms, rate } from "../lib/format.js";
import { Spark } from "../lib/spark.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";

const SINCE = "since the front end started";

export function Front({ second }) {
  const seconds = useStore((state) => state.seconds);
  const counters = useStore((state) => state.counters);
  const all = [...seconds.values()];
  return html`<section class="front" data-anchor="front" aria-label="Front end">
    <h2><${Word} name="front end">Front end<//></h2>
    <dl>
      <div><dt><${Word} name="req/s" /></dt><dd>${rate(second?.req_s)}</dd><${Spark} values=${all.map((each) => each.req_s)} /></div>
      <div><dt><${Word} name="p50 now">p50 <small>10 s</small><//></dt><dd>${ms(second?.p50_ms)}</dd></div>
      <div><dt><${Word} name="p99 now">p99 <small>10 s</small><//></dt><dd>${ms(second?.p99_ms)}</dd><${Spark} values=${all.map((each) => each.p99_ms)} /></div>
      <div><dt><${Word} name="in flight" /></dt><dd>${second?.in_flight ?? "–"}</dd></div>
      <div><dt>failed</dt><dd class=${second?.failed_s > 0 ? "bad" : ""}>${counters ? count(counters.failed + counters.shed) : "–"}</dd><dd class="since" title=${SINCE}>total</dd></div>
      <div><dt><${Word} name="hedge">hedges<//></dt><dd>${count(counters?.hedges)}</dd><dd class="since" title=${SINCE}>total</dd></div>
    </dl>
  </section>`;
}
