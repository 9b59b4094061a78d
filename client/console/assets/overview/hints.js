// Three hints for whoever is here for the first time; each goes when it is dismissed, and stays away in this browser.

import { html } from "../lib/ui.js";
import { choose, useStore } from "../lib/store.js";

const HINTS = [
  { name: "search", text: "Search for something: your dot is violet." },
  { name: "kill", text: "Kill one: its twin answers." },
  { name: "read", text: "Read who was hurt, and how soon it healed." },
];

export function Hints() {
  const gone = useStore((state) => state.hintsGone);
  const left = HINTS.filter((hint) => !gone.includes(hint.name));
  if (!left.length) return null;
  return html`<ol class="hints" aria-label="What to try">${left.map(
    (hint) => html`<li key=${hint.name}><b>${HINTS.indexOf(hint) + 1}</b> ${hint.text}
      <button type="button" aria-label="Dismiss the hint: ${hint.text}" onClick=${() => choose({ hintsGone: [...gone, hint.name] })}>✕</button></li>`,
  )}</ol>`;
}
