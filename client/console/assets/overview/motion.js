// @ts-check
// Where the dots of a recorded request are at a given time. Pure.
//
// The record starts when the front end received the request. The way between client and front end is not in the record;
// it is drawn at one fixed speed. Everything between is the record, slowed down. Where an attempt failed, a mark stays
// for a moment: many fail faster than can be seen.

export const CLIENT_WAY_S = 0.45;
/** The longest time that a request takes on the screen; a slower one is cut short and marked. */
const SHOWN_S_MAX = 12;
const MARK_S = 1.5;

/**
 * @typedef {{ instance: string, hedge: boolean, failed: boolean, lost: boolean,
 *   out: number, arrived: number, left: number, back: number, marked: number }} Leg
 * @typedef {{ legs: Leg[], answered: number, end: number, cut: boolean }} Motion
 * @typedef {{ from: string, to: string, share: number, kind: string, main?: boolean, faint?: boolean,
 *   mark?: boolean }} Dot
 */

/**
 * The times of one request on the screen, in seconds from its first appearance; `slower` is the slow-down.
 * @param {RequestTimeline} request
 * @param {number} slower
 * @returns {Motion}
 */
export function plan(request, slower) {
  const factor = slower / 1000;
  const shown_s = request.total_ms * factor;
  const cut = shown_s > SHOWN_S_MAX;
  const squeeze = cut ? SHOWN_S_MAX / shown_s : 1;
  /** @param {number} ms */
  const at = (ms) => CLIENT_WAY_S + ms * factor * squeeze;
  const legs = request.attempts.map((each) => {
    const { dur_ms, search_ms } = each;
    const way_ms = search_ms === null ? Math.min(dur_ms / 2, 1) : Math.max(0, dur_ms - search_ms) / 2;
    const end_ms = each.start_ms + each.dur_ms;
    return {
      instance: each.instance_id,
      hedge: each.hedge,
      failed: each.outcome === "error" || each.outcome === "timeout" || each.outcome === "late",
      lost: each.outcome === "lost",
      out: at(each.start_ms),
      arrived: at(each.start_ms + way_ms),
      left: at(end_ms - way_ms),
      back: at(end_ms),
      marked: at(end_ms) + MARK_S,
    };
  });
  const answered = at(request.total_ms);
  const ends = legs.map((leg) => (leg.failed ? leg.marked : leg.back));
  return { legs, answered, end: Math.max(answered + CLIENT_WAY_S, ...ends), cut };
}

/**
 * The dots at `t` seconds. `from` and `to` name anchors, `share` is the part of the way between them.
 * @param {Motion} motion
 * @param {string} source
 * @param {boolean} failed
 * @param {number} t
 * @returns {Dot[]}
 */
export function dots(motion, source, failed, t) {
  return [...clientDots(motion, source, failed, t), ...motion.legs.flatMap((leg) => legDots(leg, t))];
}

/** @param {Motion} motion @param {string} source @param {boolean} failed @param {number} t @returns {Dot[]} */
function clientDots(motion, source, failed, t) {
  if (t < CLIENT_WAY_S) return [{ from: source, to: "front", share: t / CLIENT_WAY_S, kind: "ok", main: true }];
  if (t < motion.answered) return [{ from: "front", to: "front", share: 1, kind: "ok", main: true }];
  if (t >= motion.answered + CLIENT_WAY_S) return [];
  const kind = failed ? "error" : "ok";
  return [{ from: "front", to: source, share: (t - motion.answered) / CLIENT_WAY_S, kind, main: true }];
}

/** @param {Leg} leg @param {number} t @returns {Dot[]} */
function legDots(leg, t) {
  const { instance } = leg;
  if (leg.failed && t >= leg.arrived)
    return t < leg.marked ? [{ from: instance, to: instance, share: 1, kind: "error", mark: true }] : [];
  if (t < leg.out || t >= leg.back) return [];
  const kind = leg.hedge ? "hedge" : "ok";
  if (t < leg.arrived) return [{ from: "front", to: instance, share: share(t, leg.out, leg.arrived), kind }];
  if (t < leg.left) return [{ from: instance, to: instance, share: 1, kind }];
  return [{ from: instance, to: "front", share: share(t, leg.left, leg.back), kind, faint: leg.lost }];
}

/** @param {number} t @param {number} from @param {number} to */
const share = (t, from, to) => (to > from ? (t - from) / (to - from) : 1);
