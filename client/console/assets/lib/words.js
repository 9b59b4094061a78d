// Words explained where they stand: <Word name="p99"/> shows what it means to whoever points at it or reaches it by key.

import { html, useLayoutEffect, useRef, useState } from "./ui.js";

const MEANING = {
  p99: "99 of 100 requests were faster than this",
  p90: "9 of 10 requests were faster than this",
  p50: "half of the requests were faster than this",
  "req/s": "requests in a second",
  "front end": "asks one replica of each shard and joins their answers",
  shard: "a part of all documents; a search asks each shard once",
  replica: "an instance with the same shard as another; when one dies, the other answers",
  hedge: "a second try elsewhere because the first is slow",
  host: "the big computer that instances share",
  instance: "a computer of its own, as far as its walls hold",
  hog: "burns all the CPU that it gets; good walls keep the others fast",
  kill: "ends the program at once, as a crash would; nobody is told",
  "open loop": "requests come when they are due, however slow the answers are",
  "closed loop": "each user waits for the answer before asking again",
  response: "from the moment a request was due until its answer, as its user waits",
  service: "from the moment a request was sent until its answer",
  max: "the slowest of all",
  "coordinated omission": "a tester that waits with a slow server sends less just when it hurts, and measures too little",
  waiting: "due, but every connection is taken: the service is slow",
  "in flight": "asked and not yet answered",
  throttled: "share of the time in which its CPU ceiling held it back",
  promised: "guaranteed to instances, whether they use it or not",
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
