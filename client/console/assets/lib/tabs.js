// @ts-check
// Tabs with the usual keys: one stop for Tab; arrows, Home and End move between them. The address names the open one.

import { html, useRef } from "./ui.js";

/** @typedef {{ key: string, title: string, view: unknown }} Tab */

/**
 * `open` is the key of the open tab; all other props are passed to its view.
 * @param {{ label: string, tabs: Tab[], open: string, onOpen: (key: string) => void, [name: string]: unknown }} props
 */
export function Tabs({ label, tabs, open, onOpen, ...props }) {
  const bar = useRef();
  const at = Math.max(0, tabs.findIndex((each) => each.key === open));
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    /** @type {Record<string, number>} */
    const targets = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    const to = targets[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    onOpen(tabs[next].key);
    bar.current.children[next].focus();
  };
  const shown = tabs[at];
  /** @param {Tab} tab */
  const button = (tab) => html`<button type="button" role="tab" id="tab-${tab.key}" aria-selected=${tab === shown}
    aria-controls=${tab === shown ? "panel" : undefined} tabindex=${tab === shown ? 0 : -1}
    onClick=${() => onOpen(tab.key)}>${tab.title}</button>`;
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${bar} onKeyDown=${onKeyDown}>
      ${tabs.map(button)}</div>
    <div class="panel" role="tabpanel" id="panel" aria-labelledby="tab-${shown.key}" tabindex="0">
      <${shown.view} ...${props} /></div>`;
}
