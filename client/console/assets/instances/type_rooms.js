// @ts-check
// Which instance types fit on which hosts, and in a few words why the others do not. Pure.

import { cores, mib, plural } from "../lib/format.js";

/**
 * The types that fit on one of the hosts, and those that do not, both in the catalogue's order. `host`: only that host.
 * @param {CatalogueType[]} types
 * @returns {[CatalogueType[], CatalogueType[]]}
 */
export function byRoom(types, host = "") {
  /** @param {CatalogueType} each */
  const fits = (each) => each.rooms.some((room) => room.fits > 0 && (!host || room.host === host));
  return [types.filter(fits), types.filter((each) => !fits(each))];
}

/** "5 more on host-a, none on host-b", with hyphens that do not break lines. @param {Room[]} rooms */
export function fitText(rooms) {
  /** @param {Room} room @param {number} index */
  const text = ({ fits, host }, index) =>
    `${fits || "none"}${fits && !index ? " more" : ""} on ${host.replaceAll("-", "\u2011")}`;
  return rooms.map(text).join(", ");
}

/** @param {CatalogueType} type */
export const needs = ({ limits }) => `${cores(limits.cpu_guaranteed_cores)}\u00a0cores, ${mib(limits.memory_mib)}`;

/** What a host has free for another instance. @param {Host} host */
export function freeOn(host) {
  const free = cores(Math.max(0, host.cpu_cores - host.cpu_used));
  return `${free}\u00a0cores, ${mib(Math.max(0, host.memory_mib - host.memory_used_mib))}`;
}

/** "18 larger types do not fit here". @param {CatalogueType[]} types */
export const largerTypes = (types) =>
  `${plural(types.length, "larger type does not fit", "larger types do not fit")} here`;

/**
 * Why that many of a type do not fit, if fewer would; else "". "30 do not fit: 10 do (5 on host-a, 5 on host-b)".
 * @param {number} count
 * @param {CatalogueType | undefined} type
 */
export function tooMany(count, type, host = "") {
  const rooms = (type?.rooms ?? []).filter((room) => !host || room.host === host);
  const all = rooms.reduce((sum, room) => sum + room.fits, 0);
  if (!all || count <= all) return "";
  const places = rooms.filter((room) => room.fits).map((room) => `${room.fits} on ${room.host}`).join(", ");
  return `${count} do not fit: ${all} ${all === 1 ? "does" : "do"} (${places})`;
}
