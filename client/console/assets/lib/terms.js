// @ts-check
// Terms with an explanation: <Term name="p99"/> shows its meaning under the pointer or when it has the focus.

import { html, useLayoutEffect, useRef, useState } from "./ui.js";

/** @type {Record<string, string>} */
const MEANING = {
  p99: "99 of 100 requests were faster than this",
  p90: "9 of 10 requests were faster than this",
  p50: "half of the requests were faster than this",
  "p99 now": "99 of 100 requests of the last 10 seconds were faster than this",
  "p50 now": "half of the requests of the last 10 seconds were faster than this",
  "req/s": "requests per second",
  "front end": "sends each search to one replica of every shard and merges their responses",
  shard: "one part of all documents; a search is sent to every shard",
  replica: "another instance with the same shard; when one fails, the other answers",
  hedge: "the same request sent to another instance because the first response is slow",
  host: "stands for a physical server: a part of this computer that instances share",
  instance: "behaves like a server of its own",
  "open loop": "requests are sent at this rate however slow the responses are",
  "closed loop": "each user waits for the response before sending the next request",
  response: "from the moment a request was due until its response: what its user waits",
  service: "from the moment a request was sent until its response",
  max: "the slowest of all",
  "coordinated omission": "a tool that waits for a slow server sends less while it is slow, and so measures too little",
  waiting: "due, but all connections are in use",
  "in flight": "sent, without a response yet",
  throttled: "share of the time in which its CPU limit held it back",
  allocated: "belongs to instances, whether they use it or not",
};
const EDGE_PX = 8;
let count = 0;

/**
 * The explanation lies over everything else and within the window.
 * @param {{ name: string, children?: unknown }} props
 */
export function Term({ name, children }) {
  const [shown, show] = useState(false);
  const term = useRef();
  const meaning = useRef();
  const id = useRef(`term-${++count}`).current;
  useLayoutEffect(() => {
    if (!shown) return;
    const tip = meaning.current;
    tip.showPopover();
    const position = () => place(tip, term.current.getBoundingClientRect());
    position();
    addEventListener("scroll", position, { capture: true, passive: true });
    return () => {
      removeEventListener("scroll", position, { capture: true });
      if (tip.isConnected) tip.hidePopover();
    };
  }, [shown]);
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => event.key === "Escape" && show(false);
  return html`<span class="term" ref=${term} onMouseEnter=${() => show(true)} onMouseLeave=${() => show(false)}>
    <button type="button" aria-describedby=${id} onFocus=${() => show(true)} onBlur=${() => show(false)}
      onKeyDown=${onKeyDown}>${children ?? name}</button>
    <span role="tooltip" id=${id} ref=${meaning} popover="manual">${MEANING[name]}</span>
  </span>`;
}

/** @param {HTMLElement} tip @param {DOMRect} at */
function place(tip, at) {
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.max(EDGE_PX, Math.min(at.left, document.documentElement.clientWidth - width - EDGE_PX));
  const below = at.bottom + height <= innerHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${below ? at.bottom : Math.max(0, at.top - height)}px`;
}
