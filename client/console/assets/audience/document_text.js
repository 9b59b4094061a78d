// @ts-check
// A document's plain text as HTML: blocks separated by empty lines, underlined headings, code indented by spaces.

import { html } from "../lib/ui.js";

const UNDERLINE = /^([=\-~*^])\1{2,}$/;

/** @param {{ body: string }} props */
export const DocumentText = ({ body }) => body.split(/\n\s*\n/).map(blockOf);

/** @param {string} text */
function blockOf(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  if (!lines.length) return null;
  if (lines.every((line) => line.startsWith("  "))) return html`<pre>${lines.join("\n")}</pre>`;
  const [head, below, ...rest] = lines;
  if (below && UNDERLINE.test(below.trim()))
    return html`<h3>${head}</h3>${rest.length > 0 && html`<p>${rest.join("\n")}</p>`}`;
  return html`<p>${lines.join("\n")}</p>`;
}
