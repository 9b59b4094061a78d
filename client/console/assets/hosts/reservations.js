// @ts-check
// Which instances reserve capacity of their host, and what they use of it together. Pure.

import { unknown } from "../lib/format.js";

const RESERVING = new Set(["pending", "running", "stopping"]);

/**
 * The instances that reserve capacity.
 * @param {Instance[]} instances
 */
export const reserving = (instances) =>
  /** @type {(Instance & { limits: Limits })[]} */ (
    instances.filter((each) => RESERVING.has(each.state) && each.limits)
  );

/**
 * The sums over instances whose use is known; null if none is.
 * @param {Instance[]} instances
 * @param {Record<string, InstanceSecond>} uses
 */
export function totalUse(instances, uses) {
  /** @param {"cpu" | "memory_mib"} name */
  const sum = (name) => {
    const values = instances.map((each) => uses[each.id]?.[name]);
    const known = /** @type {number[]} */ (values.filter((value) => !unknown(value)));
    return known.length ? known.reduce((a, b) => a + b, 0) : null;
  };
  return { cpu: sum("cpu"), memory_mib: sum("memory_mib") };
}
