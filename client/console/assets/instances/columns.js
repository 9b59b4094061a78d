// @ts-check
// The columns of the instances' table, with what each sorts by; and which rows are shown. Pure.

import { nameOf } from "./metrics.js";

export const STATES = ["running", "pending", "stopping", "stopped", "shutting-down", "terminated"];

/**
 * `of(instance, now)` is what the column sorts by; `largestFirst` is for numbers.
 * @typedef {{ key: string, title: string, largestFirst?: boolean,
 *   of: (instance: Instance, now: InstanceSecond) => Figure | string }} TableColumn
 * @typedef {{ key: string, down: boolean }} Sort
 */

/** @type {TableColumn[]} */
export const COLUMNS = [
  { key: "state", title: "State", of: (each) => STATES.indexOf(each.state) },
  { key: "id", title: "Instance", of: (each) => each.id },
  { key: "name", title: "Name", of: nameOf },
  { key: "type", title: "Type", of: (each) => each.type },
  { key: "host", title: "Host", of: (each) => each.host },
  { key: "shard", title: "Shard", of: (each) => each.shard },
  { key: "req_s", title: "req/s", largestFirst: true, of: (each, now) => now.req_s },
  { key: "p99", title: "p99", largestFirst: true, of: (each, now) => now.p99_ms },
  { key: "cpu", title: "CPU (of limit)", largestFirst: true, of: (each, now) => now.cpu },
  { key: "memory", title: "Memory", largestFirst: true, of: (each, now) => now.memory_mib },
  { key: "age", title: "Age", of: (each) => -each.launched_at },
  { key: "fleet", title: "Fleet", of: (each) => each.fleet },
];

/** @param {string} key */
const columnOf = (key) => /** @type {TableColumn} */ (COLUMNS.find((each) => each.key === key));

/** The sort after a press on a column's button; a second press reverses it. @param {Sort} sort @param {string} key */
export const pressed = (sort, key) =>
  sort.key === key ? { key, down: !sort.down } : { key, down: columnOf(key).largestFirst === true };

/**
 * The instances in that order; unknown values come last in either direction.
 * @param {Instance[]} instances
 * @param {Sort} sort
 * @param {(id: string) => InstanceSecond} nowOf
 */
export function sorted(instances, sort, nowOf) {
  const { of } = columnOf(sort.key);
  const keyed = instances.map((each) => ({ key: /** @type {any} */ (of(each, nowOf(each.id))), each }));
  const turn = sort.down ? -1 : 1;
  /** @param {any} key */
  const missing = (key) => Number(key === null || key === undefined || key === "");
  keyed.sort(({ key: a, each: one }, { key: b, each: other }) => {
    const unknown = missing(a) - missing(b);
    if (unknown) return unknown;
    const order = a < b ? -1 : a > b ? 1 : 0;
    return turn * order || (one.id < other.id ? -1 : 1);
  });
  return keyed.map(({ each }) => each);
}

/**
 * The instances that are not in a hidden state and have every word of the text in id, type, host, state, fleet or tags.
 * @param {Instance[]} instances
 * @param {string} text
 * @param {Set<string>} hidden
 */
export function matching(instances, text, hidden) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return instances.filter((each) => {
    if (hidden.has(each.state)) return false;
    const tags = Object.entries(each.tags).map(([key, value]) => `${key}=${value}`);
    const all = [each.id, each.type, each.host, each.state, each.fleet ?? "", ...tags].join(" ").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}
