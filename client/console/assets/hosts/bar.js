// One capacity of a host: what is reserved per instance and what is free above, what is in use below, on the same scale.

import { html } from "../lib/ui.js";

export function Bar({ what, of, largest, parts, used, unit, told }) {
  const reserved = parts.reduce((sum, part) => sum + part.size, 0);
  const scale = (value) => (value / Math.max(largest, 1e-9)) * 1000;
  const starts = parts.map((_, index) => parts.slice(0, index).reduce((sum, part) => sum + part.size, 0));
  const words = `${told(reserved)} of ${told(of)}${unit} reserved, ${told(Math.max(0, of - reserved))} free, ${used === null ? "use not known" : `${told(used)} used`}`;
  return html`<div class="bar-row"><b>${what}</b>
    <svg viewBox="0 0 1000 32" preserveAspectRatio="none" role="img" aria-label="${what}: ${words}">
      <rect class="free" width=${scale(of)} height="20" />
      ${parts.map((part, index) => html`<rect class="part is-${part.each.state}" x=${scale(starts[index]) + 1} width=${Math.max(1, scale(part.size) - 2)} height="20"><title>${part.each.short}: ${told(part.size)}</title></rect>`)}
      <rect class="used" y="23" width=${Math.min(1000, scale(used ?? 0))} height="8" />
    </svg><small>${words}</small></div>`;
}
