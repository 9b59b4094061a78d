// Which instances hold a reservation of their host, and what they use of it together. Pure.

const HOLDING = new Set(["pending", "running", "stopping"]);

export const placed = (instances) => instances.filter((each) => HOLDING.has(each.state) && each.limits);

/** Sums over those whose use is known; null where none is. */
export function usedOn(instances, machines) {
  const sum = (name) => {
    const known = instances.map((each) => machines[each.id]?.[name]).filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((a, b) => a + b, 0) : null;
  };
  return { cpu: sum("cpu"), memory_mib: sum("memory_mib") };
}
