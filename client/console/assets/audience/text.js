// A document's plain text as HTML: blocks apart by empty lines, headings underlined, lists, code indented by four.

import { html } from "../lib/ui.js";

const UNDERLINE = /^([=\-~*^])\1{2,}$/;

export const Text = ({ body }) => body.split(/\n\s*\n/).map((block) => {
  const lines = block.split("\n").filter((line) => line.trim());
  if (!lines.length) return null;
  if (lines.every((line) => line.startsWith("  "))) return html`<pre>${lines.join("\n")}</pre>`;
  const [head, below, ...rest] = lines;
  if (below && UNDERLINE.test(below.trim())) return html`<h3>${head}</h3>${rest.length > 0 && html`<p>${rest.join("\n")}</p>`}`;
  return html`<p>${lines.join("\n")}</p>`;
});
