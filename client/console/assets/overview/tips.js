// @ts-check
// What to try first, in one line; once closed, it stays closed in this browser.

import { html } from "../lib/ui.js";
import { choose, useStore } from "../lib/store.js";

const TIPS = [
  "Search for something. Your dot is purple.",
  "Kill an instance. Its replica takes over.",
  "See which requests were affected and how fast it recovered.",
];

export function Tips() {
  if (useStore((state) => state.tipsHidden)) return null;
  return html`<div class="tips">
    <ol aria-label="What to try">${TIPS.map(
      (text, index) => html`<li key=${text}><b>${index + 1}</b> ${text}</li>`,
    )}</ol>
    <button type="button" aria-label="Hide these tips" onClick=${() => choose({ tipsHidden: true })}>✕</button></div>`;
}
