// @ts-check
// Numbers and times as people read them. A number and its unit are never separated by a line break. Pure.

const SPACE = "\u00a0";
const UNKNOWN = "–";

/** @param {Figure} value @returns {value is null | undefined} */
export const unknown = (value) => value === null || value === undefined;

/**
 * A time with two significant digits: "0.42 ms", "3.1 ms", "140 ms", "1.2 s".
 * @param {Figure} value
 */
export function ms(value) {
  if (unknown(value)) return UNKNOWN;
  if (value >= 1000) return `${(value / 1000).toFixed(1)}${SPACE}s`;
  return `${value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)}${SPACE}ms`;
}

/** Seconds: "0.08 s", "1.2 s". @param {Figure} value */
export const seconds = (value) =>
  unknown(value) ? UNKNOWN : `${value.toFixed(value < 0.1 ? 2 : 1)}${SPACE}s`;

/** A rate: "20", "3,120", "0.4". @param {Figure} value */
export function rate(value) {
  if (unknown(value)) return UNKNOWN;
  return value > 0 && value < 0.95 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

/** @param {Figure} value */
export const count = (value) => (unknown(value) ? UNKNOWN : value.toLocaleString("en"));

/** @param {Figure} share */
export const percent = (share) =>
  unknown(share) || !isFinite(share) ? UNKNOWN : `${Math.round(share * 100)}${SPACE}%`;

/** Memory: "512 MiB", "8.8 GiB". @param {Figure} value */
export function mib(value) {
  if (unknown(value)) return UNKNOWN;
  return value >= 2048 ? `${(value / 1024).toFixed(1)}${SPACE}GiB` : `${Math.round(value)}${SPACE}MiB`;
}

/** @param {Figure} value */
export const cores = (value) => (unknown(value) ? UNKNOWN : value.toFixed(2));

/** CPU numbers as a list: "0", "0-3,6". @param {number[]} list */
export function cpus(list) {
  /** @type {[number, number][]} */
  const ranges = [];
  for (const cpu of list) {
    const last = ranges.at(-1);
    if (last?.[1] === cpu - 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** The time of day of an epoch second. @param {number} at */
export const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");

/** @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
