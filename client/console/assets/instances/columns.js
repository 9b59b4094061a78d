// The columns of the instances' table: what each sorts by. And which rows are shown. Pure.

import { nameOf } from "./figures.js";

export const STATES = ["running", "pending", "stopping", "stopped", "shutting-down", "terminated"];

/** `of(instance, now)` is what the column sorts by; `many`: numbers, whose largest come first. */
export const COLUMNS = [
  { key: "state", title: "State", of: (each) => STATES.indexOf(each.state) },
  { key: "id", title: "Instance", of: (each) => each.id },
  { key: "name", title: "Name", of: nameOf },
  { key: "type", title: "Type", of: (each) => each.type },
  { key: "host", title: "Host", of: (each) => each.host },
  { key: "shard", title: "Shard", of: (each) => each.shard },
  { key: "req_s", title: "req/s", many: true, of: (each, now) => now.req_s },
  { key: "p99", title: "p99", many: true, of: (each, now) => now.p99_ms },
  { key: "cpu", title: "CPU (of limit)", many: true, of: (each, now) => now.cpu },
  { key: "memory", title: "Memory", many: true, of: (each, now) => now.memory_mib },
  { key: "age", title: "Age", of: (each) => -each.launched_at },
  { key: "fleet", title: "Fleet", of: (each) => each.fleet },
];

/** The sort after a press on a column's button: the other way round on the second. */
export function pressed(sort, key) {
  const many = COLUMNS.find((each) => each.key === key).many === true;
  return sort.key === key ? { key, down: !sort.down } : { key, down: many };
}

/** Sorted as chosen; what is not known comes last either way. */
export function sorted(instances, sort, nowOf) {
  const { of } = COLUMNS.find((each) => each.key === sort.key);
  const keyed = instances.map((each) => [of(each, nowOf(each.id)), each]);
  const turn = sort.down ? -1 : 1;
  keyed.sort(([a, one], [b, other]) => {
    const unknown = (a === null || a === undefined || a === "") - (b === null || b === undefined || b === "");
    if (unknown) return unknown;
    return turn * (a < b ? -1 : a > b ? 1 : 0) || (one.id < other.id ? -1 : 1);
  });
  return keyed.map(([, each]) => each);
}

/** Those in no hidden state with every word of the text in their id, type, host, state, fleet or tags. */
export function matching(instances, text, hidden) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return instances.filter((each) => {
    if (hidden.has(each.state)) return false;
    const tags = Object.entries(each.tags).map(([key, value]) => `${key}=${value}`);
    const all = [each.id, each.type, each.host, each.state, each.fleet ?? "", ...tags].join(" ").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}
