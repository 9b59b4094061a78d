// @ts-check
// The page's state: what the console sends, and what the person chooses here. Components read it with `useStore`.

import { useEffect, useRef, useState } from "./ui.js";
import { applyBatch, fromSnapshot } from "./sections.js";
import { followStream } from "./stream.js";

/** @type {State | null} What the console has sent since the page was frozen. */
let frozen = null;
/** @type {State} Its sections are missing until `ready`; components wait for that. */
let state = /** @type {any} */ ({
  ready: false,
  disconnected: false,
  session: { can_act: null },
  ...initialChoices(),
});
/** @type {Set<() => void>} */
const watchers = new Set();
/** @type {Set<(rows: RequestRow[]) => void>} */
const requestListeners = new Set();
let frame = 0;

export const current = () => state;

/**
 * Changes the state.
 * @param {Partial<State>} change
 */
export function setState(change) {
  state = { ...state, ...change };
  scheduleDrawing();
}

/**
 * Returns a part of the state; the component is drawn again when that part is another object or value.
 * @template T
 * @param {(state: State) => T} select
 * @returns {T}
 */
export function useStore(select) {
  const [, redraw] = useState(0);
  const drawn = useRef();
  drawn.current = { select, selected: select(state) };
  useEffect(() => {
    const check = () => {
      if (drawn.current.select(state) !== drawn.current.selected) redraw((n) => n + 1);
    };
    // The state may have changed between drawing and this call.
    check();
    watchers.add(check);
    return () => watchers.delete(check);
  }, []);
  return drawn.current.selected;
}

/**
 * Calls `listener` with all new requests, until the returned function is called.
 * @param {(rows: RequestRow[]) => void} listener
 */
export function onRequests(listener) {
  requestListeners.add(listener);
  return () => requestListeners.delete(listener);
}

/** Follows the console's stream for as long as the page is open. */
export function startStream() {
  followStream("/api/stream", {
    onEvent(kind, data) {
      if (kind === "snapshot") receive({ ...fromSnapshot(data), ready: true });
      else if (kind === "batch") {
        receive(applyBatch(frozen ?? state, data));
        if (data.requests && !frozen) for (const listener of requestListeners) listener(data.requests);
      }
    },
    onDisconnected(disconnected) {
      if (disconnected !== state.disconnected) setState({ disconnected });
    },
  });
}

/** @param {any} sections */
function receive(sections) {
  if (frozen) frozen = sections;
  else setState(sections);
}

/**
 * Freezes the page, numbers included, or unfreezes it. What the console sends meanwhile is kept.
 * @param {boolean} stop
 */
export function freeze(stop) {
  if (stop && !frozen) {
    frozen = state;
    setState({ frozenAt: Date.now() / 1000 });
  } else if (!stop && frozen) {
    const sections = sectionsOf(frozen);
    frozen = null;
    setState({ ...sections, frozenAt: null });
  }
}

/** What the console sent, without what the person chose meanwhile. @param {State} received */
function sectionsOf(received) {
  const own = new Set(OWN);
  return Object.fromEntries(Object.entries(received).filter(([name]) => !own.has(name)));
}

/** Draws once for all changes within one frame. */
function scheduleDrawing() {
  if (frame) return;
  const draw = () => {
    frame = 0;
    for (const check of [...watchers]) check();
  };
  // A hidden page gets no frames, and must still be up to date when it is looked at again.
  frame = document.hidden ? setTimeout(draw, 250) : requestAnimationFrame(draw);
}

// What the person chose, stored in this browser.

const STORED = /** @type {const} */ (["theme", "tipsHidden", "slower"]);
const OWN = [
  ...STORED,
  "paused",
  "reducedMotion",
  "presenting",
  "scene",
  "earlierResult",
  "inviting",
  "searchResult",
  "route",
  "session",
  "disconnected",
  "frozenAt",
];

function initialChoices() {
  const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const view = { paused: reducedMotion, reducedMotion, presenting: false, scene: 0 };
  const defaults = { theme: "auto", tipsHidden: false, slower: 200, ...view };
  try {
    return { ...defaults, ...JSON.parse(localStorage.getItem("glasscloud") ?? "{}") };
  } catch {
    return defaults;
  }
}

/**
 * Changes a choice, and stores it if it is one of those that are stored.
 * @param {Partial<PageState>} change
 */
export function choose(change) {
  setState(change);
  const stored = Object.fromEntries(STORED.map((name) => [name, state[name]]));
  try {
    localStorage.setItem("glasscloud", JSON.stringify(stored));
  } catch {
    // A browser that stores nothing starts with the defaults.
  }
}
