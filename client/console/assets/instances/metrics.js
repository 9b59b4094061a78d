// @ts-check
// An instance's figures, now and in the last minute, and how ages, prices and addresses are shown.

import { unknown } from "../lib/format.js";

/** @typedef {{ all: InstanceSecond[], now: InstanceSecond }} Minute */

/** @type {InstanceSecond} */
const NOTHING = {};
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * The last minute of one instance, oldest first, and its last second.
 * @param {Map<number, Second>} seconds
 * @param {string} id
 * @returns {Minute}
 */
export function lastMinute(seconds, id) {
  const all = [...seconds.values()].map((each) => each.instances[id] ?? NOTHING);
  return { all, now: all.at(-1) ?? NOTHING };
}

/** @param {Minute} minute @param {string} name */
export const valuesOf = (minute, name) => minute.all.map((each) => /** @type {Figure} */ (each[name]));

/** A share of a limit; null if either is unknown. @param {Figure} value @param {Figure} of */
export const share = (value, of) => (unknown(value) || !of ? null : value / of);

/** "41 s", "12 min", "3 h", "2 d". @param {number} seconds */
export function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

/** @param {number} usd */
export const price = (usd) => `$${usd.toFixed(4)}`;

/**
 * Where this browser opens the instance's own page; null if it does not run or cannot be reached from here.
 * @param {Instance} instance
 */
export function webAddress({ state, address, web_port }) {
  const here = LOOPBACK.has(location.hostname);
  return here && state === "running" && address && web_port ? `http://${address}:${web_port}/` : null;
}

/** @param {Instance} instance */
export const nameOf = (instance) => instance.tags.Name ?? "";

/** Date and time in this browser's time zone. @param {number} at */
export const dateTime = (at) => new Date(at * 1000).toLocaleString("en-GB");
