// Tabs as readers know them: one stop for the Tab key, arrows, Home and End between them. The address names the open one.

import { html, useRef } from "./ui.js";

/** `tabs`: [{ key, title, view }]; `open` one of the keys; `onOpen(key)`; `...given` goes to the open tab's view. */
export function Tabs({ label, tabs, open, onOpen, ...given }) {
  const bar = useRef(null);
  const at = Math.max(0, tabs.findIndex((each) => each.key === open));
  const move = (event) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    onOpen(tabs[next].key);
    bar.current.children[next].focus();
  };
  const shown = tabs[at];
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${bar} onKeyDown=${move}>${tabs.map(
      (each) => html`<button type="button" role="tab" id="tab-${each.key}" aria-selected=${each === shown} aria-controls=${each === shown ? "panel" : undefined}
        tabindex=${each === shown ? 0 : -1} onClick=${() => onOpen(each.key)}>${each.title}</button>`,
    )}</div>
    <div class="panel" role="tabpanel" id="panel" aria-labelledby="tab-${shown.key}" tabindex="0"><${shown.view} ...${given} /></div>`;
}
