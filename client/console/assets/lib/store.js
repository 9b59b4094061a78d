// The state of the page: what the console tells, and what the person chose here. Components read it with `useStore`.

import { useEffect, useRef, useState } from "./ui.js";
import { changed, whole } from "./sections.js";
import { follow } from "./stream.js";

let frozen = null;
let state = { ready: false, away: false, session: { may_act: null, actions: [] }, ...chosen() };
const watchers = new Set();
const listeners = new Set();
let frame = 0;

export const current = () => state;

/** Changes the page's own part of the state. */
export function put(change) {
  state = { ...state, ...change };
  wake();
}

/** A part of the state, chosen by `pick`; the component is drawn again when it is another object or value. */
export function useStore(pick) {
  const [, redraw] = useState(0);
  const seen = useRef();
  seen.current = { pick, picked: pick(state) };
  useEffect(() => {
    // Held against what was drawn: between drawing and watching something may have been told.
    const look = () => seen.current.pick(state) !== seen.current.picked && redraw((n) => n + 1);
    look();
    watchers.add(look);
    return () => watchers.delete(look);
  }, []);
  return seen.current.picked;
}

/** Calls `told(rows)` with every request as it is told, until the function that it gives is called. */
export function onRequests(told) {
  listeners.add(told);
  return () => listeners.delete(told);
}

/** Follows the console's stream for as long as the page is open. */
export function startStream() {
  follow("/api/stream", {
    tell(kind, data) {
      if (kind === "snapshot") hear({ ...whole(data), ready: true });
      else if (kind === "batch") {
        hear(changed(frozen ?? state, data));
        if (data.requests && !frozen) for (const told of listeners) told(data.requests);
      }
    },
    away(away) {
      if (away !== state.away) put({ away });
    },
  });
}

function hear(told) {
  if (frozen) frozen = told;
  else put(told);
}

/** Everything stands as it is, numbers too, until it is let go again; meanwhile nothing that is told is lost. */
export function freeze(stop) {
  if (stop && !frozen) {
    frozen = state;
    put({ frozenAt: Date.now() / 1000 });
  } else if (!stop && frozen) {
    const told = sectionsOf(frozen);
    frozen = null;
    put({ ...told, frozenAt: null });
  }
}

/** What was told, without what the person chose meanwhile. */
function sectionsOf(told) {
  const own = new Set(OWN);
  return Object.fromEntries(Object.entries(told).filter(([name]) => !own.has(name)));
}

/** Many changes within one frame are one drawing. */
function wake() {
  if (frame) return;
  const draw = () => {
    frame = 0;
    for (const look of [...watchers]) look();
  };
  // A hidden page gets no frames, and must still know where it stands when it is looked at again.
  frame = document.hidden ? setTimeout(draw, 250) : requestAnimationFrame(draw);
}

// What the person chose, kept in this browser.

const KEPT = ["theme", "tipsHidden", "slower"];
const OWN = [...KEPT, "paused", "still", "presenting", "scene", "earlier", "invited", "asked", "route", "session", "away", "frozenAt"];

function chosen() {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const defaults = { theme: "auto", tipsHidden: false, slower: 200, paused: still, still, presenting: false, scene: 0 };
  try {
    return { ...defaults, ...JSON.parse(localStorage.getItem("glasscloud") ?? "{}") };
  } catch {
    return defaults;
  }
}

/** Chooses something and remembers it where that is worth it. */
export function choose(change) {
  put(change);
  const kept = Object.fromEntries(KEPT.map((name) => [name, state[name]]));
  try {
    localStorage.setItem("glasscloud", JSON.stringify(kept));
  } catch {
    // A browser that keeps nothing shows the hints again.
  }
}
