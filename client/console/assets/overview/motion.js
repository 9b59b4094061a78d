// Where the dots of a recorded request are at a moment. Pure.
//
// The record's clock starts when the front end got the request. The way from the client and back to it is not in the
// record; it is drawn at one fixed speed, and nothing is said of it. Everything between is the record, slowed down. Where
// an attempt failed, its mark stays for a moment: many fail faster than can be seen.

export const LEAD_S = 0.45;
export const LINGER_S_MAX = 12;
/** So long on the screen a request may take; what is slower is cut short and marked. */
const MARK_S = 1.5;

/** The moments of one request on the screen, in seconds from its first appearance; `slower` is the slow-down. */
export function plan(request, slower) {
  const factor = slower / 1000;
  const real_s = request.total_ms * factor;
  const cut = real_s > LINGER_S_MAX;
  const squeeze = cut ? LINGER_S_MAX / real_s : 1;
  const at = (ms) => LEAD_S + ms * factor * squeeze;
  const legs = request.attempts.map((each) => {
    const inside = each.search_ms === null ? each.dur_ms : Math.min(each.search_ms, each.dur_ms);
    const way = each.search_ms === null ? Math.min(each.dur_ms / 2, 1) : (each.dur_ms - inside) / 2;
    return {
      instance: each.instance_id,
      host: each.host,
      hedge: each.hedge,
      failed: each.outcome === "error" || each.outcome === "timeout" || each.outcome === "late",
      lost: each.outcome === "lost",
      out: at(each.start_ms),
      there: at(each.start_ms + way),
      leave: at(each.start_ms + each.dur_ms - way),
      back: at(each.start_ms + each.dur_ms),
      marked: at(each.start_ms + each.dur_ms) + MARK_S,
    };
  });
  const answered = at(request.total_ms);
  return { legs, answered, end: Math.max(answered + LEAD_S, ...legs.map((leg) => (leg.failed ? leg.marked : leg.back))), cut };
}

/** The dots at `t` seconds: {from, to, share, kind}; `from` and `to` name anchors, `share` is the way done. */
export function dots(motion, source, failed, t) {
  const found = [];
  const main = failed ? "error" : "ok";
  if (t < LEAD_S) found.push({ from: source, to: "front", share: t / LEAD_S, kind: "ok", main: true });
  else if (t < motion.answered) found.push({ from: "front", to: "front", share: 1, kind: "ok", main: true });
  else if (t < motion.answered + LEAD_S)
    found.push({ from: "front", to: source, share: (t - motion.answered) / LEAD_S, kind: main, main: true });
  for (const leg of motion.legs) {
    if (leg.failed && t >= leg.there && t < leg.marked) found.push({ from: leg.instance, to: leg.instance, share: 1, kind: "error", mark: true });
    if (t < leg.out || t >= leg.back || (leg.failed && t >= leg.there)) continue;
    const kind = leg.hedge ? "hedge" : "ok";
    if (t < leg.there) found.push({ from: "front", to: leg.instance, share: share(t, leg.out, leg.there), kind });
    else if (t < leg.leave) found.push({ from: leg.instance, to: leg.instance, share: 1, kind });
    else found.push({ from: leg.instance, to: "front", share: share(t, leg.leave, leg.back), kind, faint: leg.lost });
  }
  return found;
}

const share = (t, from, to) => (to > from ? (t - from) / (to - from) : 1);
