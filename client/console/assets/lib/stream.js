// @ts-check
// The console's event stream: one connection, opened again after a break, with growing pauses while the console is
// away.

const PAUSE_FIRST_MS = 300;
const PAUSE_MAX_MS = 5000;
const SILENCE_MS = 6000; // The console sends something every 2 s.
const DISCONNECTED_AFTER_MS = 1500;

/** @typedef {{ id: string, kind: string, data: string }} StreamEvent */

/**
 * Calls `onEvent` for each event, and `onDisconnected` when the connection is lost or back. Never ends.
 *
 * A short break does not count: browsers break connections off when the computer's networks change.
 * @param {string} path
 * @param {{ onEvent: (kind: string, data: any) => void, onDisconnected: (disconnected: boolean) => void }} handlers
 */
export async function followStream(path, { onEvent, onDisconnected }) {
  let last = "";
  let pause = PAUSE_FIRST_MS;
  let lost = 0;
  for (;;) {
    try {
      await read(path, last, (event) => {
        last = event.id || last;
        pause = PAUSE_FIRST_MS;
        clearTimeout(lost);
        lost = 0;
        onDisconnected(false);
        if (event.data) onEvent(event.kind, JSON.parse(event.data));
      });
    } catch {
      // The next attempt shows whether the console is there.
    }
    lost ||= setTimeout(() => onDisconnected(true), DISCONNECTED_AFTER_MS);
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, PAUSE_MAX_MS);
  }
}

/**
 * @param {string} path
 * @param {string} last
 * @param {(event: StreamEvent) => void} onEvent
 */
async function read(path, last, onEvent) {
  const stop = new AbortController();
  let silence = setTimeout(() => stop.abort(), SILENCE_MS);
  try {
    /** @type {Record<string, string>} */
    const headers = last ? { "Last-Event-ID": last } : {};
    const response = await fetch(path, { headers, signal: stop.signal, cache: "no-store" });
    if (!response.ok || !response.body) throw new Error(`the stream responded with status ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => stop.abort(), SILENCE_MS);
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) onEvent(parse(block));
    }
  } finally {
    clearTimeout(silence);
    stop.abort();
  }
}

/** @param {string} block @returns {StreamEvent} */
function parse(block) {
  const event = { id: "", kind: "message", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("data: ")) event.data += line.slice(6);
    else if (line.startsWith("event: ")) event.kind = line.slice(7);
    else if (line.startsWith("id: ")) event.id = line.slice(4);
  }
  return event;
}
