// A request's way in pieces, for the waterfall and for the tokens. Pure.

const SAID = { won: "", lost: "slower, not used", error: "failed", timeout: "timed out", late: "refused: too late" };

/** Rows of bars: the front end first, then each attempt by shard and start. Times are ms from the request's arrival. */
export function parts(request) {
  const attempts = [...request.attempts].sort((a, b) => a.shard - b.shard || a.start_ms - b.start_ms);
  const ends = attempts.map((each) => each.start_ms + each.dur_ms);
  const end_ms = Math.max(request.total_ms, 0.01, ...ends);
  const sent = attempts.length ? Math.min(...attempts.map((each) => each.start_ms)) : request.total_ms;
  const merge = Math.min(Math.max(request.frontend_ms - sent, 0), request.total_ms);
  const front = {
    about: `${request.frontend_ms.toFixed(2)}\u00a0ms of its own work`,
    outcome: "front",
    told: `the front end took ${request.total_ms.toFixed(2)} ms in total`,
    took: request.total_ms,
    bars: [
      { kind: "way", from: 0, ms: request.total_ms },
      { kind: "own", from: 0, ms: sent },
      { kind: "own", from: request.total_ms - merge, ms: merge },
    ],
  };
  return { rows: [front, ...attempts.map(row)], end_ms };
}

function row(attempt) {
  const role = attempt.hedge ? "hedge" : attempt.retry ? "retry" : "";
  const said = [`shard ${attempt.shard}`, attempt.host, role, SAID[attempt.outcome]].filter(Boolean).join(", ");
  const bars = [{ kind: attempt.hedge ? "hedge" : "way", from: attempt.start_ms, ms: attempt.dur_ms }];
  if (attempt.search_ms !== null && (attempt.outcome === "won" || attempt.outcome === "lost")) {
    const inside = Math.min(attempt.search_ms, attempt.dur_ms);
    // How the rest divides into there and back is not known.
    bars.push({ kind: "search", from: attempt.start_ms + (attempt.dur_ms - inside) / 2, ms: inside });
  }
  return {
    instance_id: attempt.instance_id,
    about: said,
    outcome: attempt.outcome,
    told: `${attempt.instance_id} from ${attempt.start_ms.toFixed(2)} ms, for ${attempt.dur_ms.toFixed(2)} ms`,
    took: attempt.dur_ms,
    bars,
  };
}
