// Instances that died a moment ago: they stay in sight, with what takes their place beside them. Pure.

const SHOWN_S = 5;

export const isGhost = (instance, now) => Boolean(instance.death) && instance.state !== "running" && now - instance.death.at < SHOWN_S;

/** What stands on the stage: all but the terminated ones, and the ghosts among those. */
export const present = (instances, now) => instances.filter((each) => each.state !== "terminated" || isGhost(each, now));

/**
 * A host's instances in the order in which they stand, by shard and age, as rows of [instance] or [ghost, heir]: who
 * takes a dead one's place has its fleet and shard and was launched after its death.
 */
export function rowsOf(instances, now) {
  const place = (each) => [each.shard ?? Infinity, each.launched_at];
  const sorted = [...instances].sort((a, b) => {
    const [one, other] = [place(a), place(b)];
    return one[0] === other[0] ? one[1] - other[1] : one[0] - other[0];
  });
  const rows = [];
  const taken = new Set();
  for (const each of sorted) {
    if (taken.has(each.id)) continue;
    const heir = isGhost(each, now) && each.fleet && sorted.find((one) => !taken.has(one.id) && one.fleet === each.fleet && one.shard === each.shard && one.launched_at > each.death.at);
    if (heir) taken.add(heir.id);
    rows.push(heir ? [each, heir] : [each]);
  }
  return rows;
}
