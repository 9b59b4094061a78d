// An instance's numbers, now and in the last minute, and how ages, prices and addresses are shown.

const NOTHING = {};

/** The last minute of one machine, oldest first, and its last second. */
export function minuteOf(seconds, id) {
  const all = [...seconds.values()].map((each) => each.machines[id] ?? NOTHING);
  return { all, now: all.at(-1) ?? NOTHING };
}

export const line = (minute, name) => minute.all.map((each) => each[name]);

/** A share of a limit; null where either is not known. */
export const share = (value, of) => (value === null || value === undefined || !of ? null : value / of);

/** "41 s", "12 min", "3 h", "2 d". */
export function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

export const price = (usd) => `$${usd.toFixed(4)}`;

export const LIVE = new Set(["pending", "running", "stopping", "stopped"]);

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Where this browser opens what the instance serves; null where it does not run or cannot be reached from here. */
export function webAddress({ state, address, web_port }) {
  const here = LOOPBACK.has(location.hostname);
  return here && state === "running" && address && web_port ? `http://${address}:${web_port}/` : null;
}

export const nameOf = (instance) => instance.tags.Name ?? "";

/** A day and a time of day in this browser's zone. */
export const moment = (at) => new Date(at * 1000).toLocaleString("en-GB");
