// The console's stream: one connection, taken up again where it broke, with growing pauses while the console is away.

const PAUSE_FIRST_MS = 300;
const PAUSE_MAX_MS = 5000;
const SILENCE_MS = 6000; // the console says something every 2 s
const AWAY_AFTER_MS = 1500;

/**
 * Calls `tell(kind, data)` for each event and `away(true | false)` as the console goes and comes. Never ends.
 *
 * A stream that is soon there again was never away: browsers break connections off when a network comes or goes.
 */
export async function follow(path, { tell, away }) {
  let last = "";
  let pause = PAUSE_FIRST_MS;
  let missed = 0;
  for (;;) {
    try {
      await read(path, last, (event) => {
        last = event.id || last;
        pause = PAUSE_FIRST_MS;
        clearTimeout(missed);
        missed = 0;
        away(false);
        if (event.data) tell(event.kind, JSON.parse(event.data));
      });
    } catch {
      // A stream that breaks tells nothing of why; the next try will.
    }
    missed ||= setTimeout(() => away(true), AWAY_AFTER_MS);
    await new Promise((wake) => setTimeout(wake, pause));
    pause = Math.min(pause * 2, PAUSE_MAX_MS);
  }
}

async function read(path, last, heard) {
  const stop = new AbortController();
  let silence = setTimeout(() => stop.abort(), SILENCE_MS);
  try {
    const headers = last ? { "Last-Event-ID": last } : {};
    const answer = await fetch(path, { headers, signal: stop.signal, cache: "no-store" });
    if (!answer.ok) throw new Error(`the stream answered ${answer.status}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => stop.abort(), SILENCE_MS);
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) heard(parse(block));
    }
  } finally {
    clearTimeout(silence);
    stop.abort();
  }
}

function parse(block) {
  const event = { id: "", kind: "message", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("data: ")) event.data += line.slice(6);
    else if (line.startsWith("event: ")) event.kind = line.slice(7);
    else if (line.startsWith("id: ")) event.id = line.slice(4);
  }
  return event;
}
