// Words explained where they stand: <Word name="p99"/> shows what it means under the pointer or with the focus.

import { html, useLayoutEffect, useRef, useState } from "./ui.js";

const MEANING = {
  p99: "99 of 100 requests were faster than this",
  p90: "9 of 10 requests were faster than this",
  p50: "half of the requests were faster than this",
  "p99 now": "99 of 100 requests of the last 10 seconds were faster than this",
  "p50 now": "half of the requests of the last 10 seconds were faster than this",
  "req/s": "requests per second",
  "front end": "sends each search to one replica of every shard and joins their answers",
  shard: "one part of all documents; a search is sent to every shard",
  replica: "another instance with the same shard; when one fails, the other answers",
  hedge: "the same request sent again elsewhere because the first answer is slow",
  host: "the large computer that instances share",
  instance: "behaves like a computer of its own",
  hog: "uses all the CPU it can get; good isolation keeps the others fast",
  kill: "the program ends without warning, as in a crash",
  "open loop": "requests arrive at this rate however slow the answers are",
  "closed loop": "each user waits for the answer before sending the next request",
  response: "from the moment a request was due until its answer: what its user waits",
  service: "from the moment a request was sent until its answer",
  max: "the slowest of all",
  "coordinated omission": "a tool that waits for a slow server sends less while it is slow, and so measures too little",
  waiting: "due, but all connections are in use",
  "in flight": "sent and not answered yet",
  throttled: "share of the time in which its CPU limit held it back",
  reserved: "guaranteed to instances, used or not",
};
const EDGE_PX = 8;
let numbers = 0;

/** The meaning lies over all else, and within the window however near its edge the word stands. */
export function Word({ name, children }) {
  const [shown, show] = useState(false);
  const word = useRef(null);
  const meaning = useRef(null);
  const id = useRef(`word-${++numbers}`).current;
  useLayoutEffect(() => {
    if (!shown) return;
    const tip = meaning.current;
    tip.showPopover();
    const stay = () => place(tip, word.current.getBoundingClientRect());
    stay();
    addEventListener("scroll", stay, { capture: true, passive: true });
    return () => {
      removeEventListener("scroll", stay, { capture: true });
      if (tip.isConnected) tip.hidePopover();
    };
  }, [shown]);
  return html`<span class="word" ref=${word} onMouseEnter=${() => show(true)} onMouseLeave=${() => show(false)}>
    <button type="button" aria-describedby=${id} onFocus=${() => show(true)} onBlur=${() => show(false)}
      onKeyDown=${(event) => event.key === "Escape" && show(false)}>${children ?? name}</button>
    <span role="tooltip" id=${id} ref=${meaning} popover="manual">${MEANING[name]}</span>
  </span>`;
}

function place(tip, at) {
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.max(EDGE_PX, Math.min(at.left, document.documentElement.clientWidth - width - EDGE_PX));
  const below = at.bottom + height <= innerHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${below ? at.bottom : Math.max(0, at.top - height)}px`;
}
