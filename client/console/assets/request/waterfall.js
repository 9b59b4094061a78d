// @ts-check
// One request's timeline as bars: the front end, then each attempt, with the responses that were not used.

import { html } from "../lib/ui.js";
import { ms } from "../lib/format.js";
import { useStore } from "../lib/store.js";

/** @type {Record<string, string>} */
const NOT_USED = {
  won: "",
  lost: "slower, not used",
  error: "failed",
  timeout: "timed out",
  late: "refused: too late",
};

/**
 * @typedef {{ kind: string, from_ms: number, ms: number }} Bar
 * @typedef {{ instance_id?: string, about: string, outcome: string, label: string, took_ms: number, bars: Bar[] }} Row
 */

/** @param {{ request: RequestTimeline }} props */
export function Waterfall({ request }) {
  const instances = useStore((state) => state.instances);
  const { rows, end_ms } = waterfallRows(request);
  /** @param {string} id */
  const short = (id) => instances.get(id)?.short ?? id.slice(0, 6);
  const hedged = request.attempts.some((each) => each.hedge);
  /** @param {Bar} bar */
  const rect = (bar) => {
    const width = Math.max(3, (bar.ms / end_ms) * 1000);
    const x = Math.min((bar.from_ms / end_ms) * 1000, 1000 - width);
    const [y, height] = bar.kind === "search" ? [5, 8] : [2, 14];
    return html`<rect class=${bar.kind} x=${x} width=${width} y=${y} height=${height} />`;
  };
  /** @param {Row} row */
  const line = (row) => html`<li class="row is-${row.outcome}">
    <span class="name">${
      row.instance_id ? html`<a href="#/instances/${row.instance_id}">${short(row.instance_id)}</a>` : "front end"
    }<small>${row.about}</small></span>
    <svg viewBox="0 0 1000 18" preserveAspectRatio="none" role="img" aria-label=${row.label}>${row.bars.map(rect)}</svg>
    <span class="ms">${ms(row.took_ms)}</span>
  </li>`;
  return html`<div class="waterfall">
    <ol>${rows.map(line)}</ol>
    <p class="legend"><span><i class="own"></i>front end: sending before, merging after</span>
      <span><i class="network"></i>network and queue</span> <span><i class="search"></i>searching in the instance</span>
      ${hedged && html`<span><i class="hedge"></i>hedge: sent again</span>`}</p>
  </div>`;
}

/** @param {Attempt[]} attempts */
export const byShardAndStart = (attempts) =>
  [...attempts].sort((a, b) => a.shard - b.shard || a.start_ms - b.start_ms);

/**
 * Rows of bars: the front end first, then each attempt by shard and start. Times are ms from the request's arrival.
 * Pure.
 * @param {RequestTimeline} request
 */
export function waterfallRows(request) {
  const attempts = byShardAndStart(request.attempts);
  const end_ms = Math.max(request.total_ms, 0.01, ...attempts.map((each) => each.start_ms + each.dur_ms));
  const sent_ms = attempts.length ? Math.min(...attempts.map((each) => each.start_ms)) : request.total_ms;
  const merge_ms = Math.min(Math.max(request.frontend_ms - sent_ms, 0), request.total_ms);
  /** @type {Row} */
  const frontEnd = {
    about: `${request.frontend_ms.toFixed(2)}\u00a0ms of its own work`,
    outcome: "front-end",
    label: `the front end took ${request.total_ms.toFixed(2)} ms in total`,
    took_ms: request.total_ms,
    bars: [
      { kind: "network", from_ms: 0, ms: request.total_ms },
      { kind: "own", from_ms: 0, ms: sent_ms },
      { kind: "own", from_ms: request.total_ms - merge_ms, ms: merge_ms },
    ],
  };
  return { rows: [frontEnd, ...attempts.map(attemptRow)], end_ms };
}

/** @param {Attempt} attempt @returns {Row} */
function attemptRow(attempt) {
  const { start_ms, dur_ms, search_ms, outcome } = attempt;
  const role = attempt.hedge ? "hedge" : attempt.retry ? "retry" : "";
  const about = [`shard ${attempt.shard}`, attempt.host, role, NOT_USED[outcome]].filter(Boolean).join(", ");
  /** @type {Bar[]} */
  const bars = [{ kind: attempt.hedge ? "hedge" : "network", from_ms: start_ms, ms: dur_ms }];
  if (search_ms !== null && (outcome === "won" || outcome === "lost")) {
    const inside_ms = Math.min(search_ms, dur_ms);
    // How much of the rest is the way there and how much the way back is not known.
    bars.push({ kind: "search", from_ms: start_ms + (dur_ms - inside_ms) / 2, ms: inside_ms });
  }
  const label = `${attempt.instance_id} from ${start_ms.toFixed(2)} ms, for ${dur_ms.toFixed(2)} ms`;
  return { instance_id: attempt.instance_id, about, outcome, label, took_ms: dur_ms, bars };
}
