// Numbers and times as people read them. A number and its unit never part at the end of a line. Pure.

const GAP = "\u00a0";

/** A time with two digits that matter: "0.42 ms", "3.1 ms", "140 ms", "1.2 s". */
export function ms(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1000) return `${(value / 1000).toFixed(1)}${GAP}s`;
  return `${value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)}${GAP}ms`;
}

/** Seconds: "0.08 s", "1.2 s". */
export const seconds = (value) => (value === null || value === undefined ? "–" : `${value.toFixed(value < 0.1 ? 2 : 1)}${GAP}s`);

/** A rate: "20", "3,120", "0.4". */
export function rate(value) {
  if (value === null || value === undefined) return "–";
  return value > 0 && value < 0.95 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

export const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));

export const percent = (share) => (share === null || share === undefined || !isFinite(share) ? "–" : `${Math.round(share * 100)}${GAP}%`);

/** Memory: "512 MiB", "8.8 GiB". */
export const mib = (value) =>
  value === null || value === undefined ? "–" : value >= 2048 ? `${(value / 1024).toFixed(1)}${GAP}GiB` : `${Math.round(value)}${GAP}MiB`;

export const cores = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));

/** CPUs as a list: "0", "0-3,6". */
export function cpus(list) {
  const runs = [];
  for (const cpu of list) runs.at(-1)?.[1] === cpu - 1 ? (runs.at(-1)[1] = cpu) : runs.push([cpu, cpu]);
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** The time of day of an epoch second. */
export const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
