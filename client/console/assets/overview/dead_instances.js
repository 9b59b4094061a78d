// @ts-check
// Instances that died a moment ago: they stay visible, with the replacement beside them. Pure.

const SHOWN_S = 5;

/** @param {Instance} instance @param {number} now */
export const recentlyDied = ({ death, state }, now) =>
  death !== null && state !== "running" && now - death.at < SHOWN_S;

/**
 * The instances on the stage: all but the terminated, and of those the ones that died recently.
 * @param {Instance[]} instances
 * @param {number} now
 */
export const onStage = (instances, now) =>
  instances.filter((each) => each.state !== "terminated" || recentlyDied(each, now));

/**
 * A host's instances in order of shard and age, as rows of [instance] or [dead instance, replacement]. The replacement
 * has the same fleet and shard and was launched after the death.
 * @param {Instance[]} instances
 * @param {number} now
 */
export function rowsOf(instances, now) {
  /** @param {Instance} a @param {Instance} b */
  const order = (a, b) => {
    const [one, other] = [a.shard ?? Infinity, b.shard ?? Infinity];
    return one === other ? a.launched_at - b.launched_at : one - other;
  };
  const sorted = [...instances].sort(order);
  /** @type {Instance[][]} */
  const rows = [];
  const placed = new Set();
  /** @param {Instance} dead @param {Instance} other */
  const replaces = (dead, other) =>
    !placed.has(other.id) &&
    other.fleet === dead.fleet &&
    other.shard === dead.shard &&
    dead.death !== null &&
    other.launched_at > dead.death.at;
  for (const each of sorted) {
    if (placed.has(each.id)) continue;
    const dead = recentlyDied(each, now) && each.fleet;
    const replacement = dead ? sorted.find((other) => replaces(each, other)) : undefined;
    if (replacement) placed.add(replacement.id);
    rows.push(replacement ? [each, replacement] : [each]);
  }
  return rows;
}
