// @ts-check
// One capacity of a host: above what is reserved for each instance and what is free, below what is used, to the same
// scale.

import { html } from "../lib/ui.js";

/** @typedef {{ each: Instance, size: number }} Part */

/**
 * @param {{ label: string, of: number, largest: number, parts: Part[], used: number | null, unit: string,
 *   format: (value: number) => string }} props
 */
export function CapacityBar({ label, of, largest, parts, used, unit, format }) {
  const reserved = parts.reduce((sum, part) => sum + part.size, 0);
  /** @param {number} value */
  const scale = (value) => (value / Math.max(largest, 1e-9)) * 1000;
  let start = 0;
  /** @param {Part} part */
  const rect = ({ each, size }) => {
    const x = scale(start) + 1;
    start += size;
    return html`<rect class="part is-${each.state}" x=${x} width=${Math.max(1, scale(size) - 2)} height="20">
      <title>${each.short}: ${format(size)}</title></rect>`;
  };
  const text =
    `${format(reserved)} of ${format(of)}${unit} allocated, ${format(Math.max(0, of - reserved))} free, ` +
    (used === null ? "use not known" : `${format(used)} used`);
  return html`<div class="bar-row"><b>${label}</b>
    <svg viewBox="0 0 1000 32" preserveAspectRatio="none" role="img" aria-label="${label}: ${text}">
      <rect class="free" width=${scale(of)} height="20" />
      ${parts.map(rect)}
      <rect class="used" y="23" width=${Math.min(1000, scale(used ?? 0))} height="8" />
    </svg><small>${text}</small></div>`;
}
