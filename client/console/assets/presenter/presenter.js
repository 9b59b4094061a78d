// @ts-check
// Presenter mode: one scene at a time in large type, on the number keys; start over for the next group; freeze to
// explain.

import { html, useEffect, useState } from "../lib/ui.js";
import { get, post } from "../lib/api.js";
import { clock, plural } from "../lib/format.js";
import { Lazy } from "../lib/lazy.js";
import { freeze, setState, useStore } from "../lib/store.js";
import { Dialog } from "../lib/dialog.js";
import { useDisabledReason } from "../lib/permission.js";
import { Experiments } from "../overview/experiments.js";
import { RequestsTable } from "../overview/requests_table.js";
import { SearchResult } from "../overview/search_result.js";
import { Stage } from "../overview/stage.js";
import { Sharing } from "../share/sharing.js";
import { PAGES } from "../pages.js";
import { SCENES } from "./scenes.js";

/** @param {RequestRow} request */
const mine = (request) => request.mine === true || request.source === "audience";

export function Presenter() {
  const scene = useStore((state) => state.scene);
  const slower = useStore((state) => state.slower);
  const earlier = useStore((state) => state.earlierResult);
  const inviting = useStore((state) => state.inviting);
  useKeys();
  const { title, text, stage, experiments, page } = SCENES[scene];
  const shown = page && PAGES.find((each) => each.path === page);
  if (inviting) return html`<div class="presenter"><${Sharing} /></div>`;
  return html`<div class="presenter">
    <h1>${title}</h1>
    <p class="caption">${text}${stage && slower > 1 && html` <b>Shown ${slower} times slower.</b>`}</p>
    ${stage && html`<${Stage} key=${stage} only=${stage === "mine" ? mine : undefined} />`}
    ${stage === "mine" && html`<${SearchResult} />`}
    ${experiments && html`<${Experiments} show=${experiments} earlier=${earlier} />`}
    ${stage && html`<${RequestsTable} />`}
    ${shown && html`<${Lazy} load=${shown.load} rest=${[]} />`}
  </div>`;
}

/** @typedef {{ short: string, type: string, name: string }} Deleted */

/** The bar of presenter mode. */
export function PresenterBar() {
  const frozenAt = useStore((state) => state.frozenAt);
  const disabledReason = useDisabledReason();
  const inviting = useStore((state) => state.inviting);
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);
  const [deleted, setDeleted] = useState(/** @type {Deleted[]} */ ([]));
  // This bar replaces the page's: the focus moves to the page, and later back to the button.
  useEffect(() => {
    document.getElementById("main")?.focus({ preventScroll: true });
    return () => requestAnimationFrame(() => document.getElementById("present")?.focus());
  }, []);
  const startOver = () => {
    setDeleted([]);
    setMessage("starting over …");
    setBusy(true);
    post("/api/start-over")
      .then(
        ({ seconds }) => setMessage(`started over in ${seconds.toFixed(1)} s`),
        (error) => setMessage(error.message),
      )
      .finally(() => setBusy(false));
  };
  // Asks first if it would delete instances that people launched.
  const ask = () =>
    get("/api/start-over").then(
      ({ deleted: found }) => (found.length ? setDeleted(found) : startOver()),
      (error) => setMessage(error.message),
    );
  return html`<header class="bar presenting">
    <${SceneButtons} />
    <span class="fill"></span>
    <span role="status">${frozenAt ? html`<b class="frozen">frozen at ${clock(frozenAt)}</b>` : message}</span>
    <button type="button" aria-pressed=${Boolean(inviting)}
      onClick=${() => setState({ inviting: !inviting })}>Audience</button>
    <button type="button" disabled=${Boolean(disabledReason) || busy} onClick=${ask}
      title=${disabledReason || "Reset the search service and its load to how they started"}>Start over</button>
    <button type="button" aria-pressed=${Boolean(frozenAt)} title="Key f"
      onClick=${() => freeze(!frozenAt)}>Freeze</button>
    <button type="button" title="Key Escape" onClick=${leave}>Leave</button>
    ${deleted.length > 0 && html`<${Confirmation} deleted=${deleted} onConfirm=${startOver}
      onClose=${() => setDeleted([])} />`}
  </header>`;
}

function SceneButtons() {
  const scene = useStore((state) => state.scene);
  /** @param {typeof SCENES[number]} each @param {number} index */
  const button = ({ title }, index) => html`<li><button type="button" title=${title}
    aria-current=${index === scene ? "step" : undefined} aria-label="Scene ${index + 1}: ${title}"
    onClick=${() => setState({ scene: index, inviting: false })}>${index + 1}</button></li>`;
  return html`<nav aria-label="Scenes"><ol>${SCENES.map(button)}</ol></nav>`;
}

/** @param {{ deleted: Deleted[], onConfirm: () => void, onClose: () => void }} props */
function Confirmation({ deleted, onConfirm, onClose }) {
  /** @param {Deleted} each */
  const item = ({ short, type, name }) => html`<li>${short}, ${type}${name && html` “<bdi>${name}</bdi>”`}</li>`;
  const instances = plural(deleted.length, "instance that is", "instances that are");
  return html`<${Dialog} title="Start over" onClose=${onClose}>
    <p>This deletes ${instances} not part of the search service:</p>
    <ul>${deleted.map(item)}</ul>
    <div class="dialog-buttons"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="danger" onClick=${onConfirm}>Start over</button></div>
  <//>`;
}

export function leave() {
  freeze(false);
  setState({ presenting: false, inviting: false });
}

/** Number keys, f and Escape, except while typing. */
function useKeys() {
  const frozenAt = useStore((state) => state.frozenAt);
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const onKeyDown = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = /** @type {HTMLElement} */ (event.target);
      const field = /** @type {HTMLElement | null} */ (target.closest?.("input, textarea, select, dialog"));
      if (field) {
        // After a search the keys change scenes again.
        if (field.id === "search" && (event.key === "Enter" || event.key === "Escape")) setTimeout(() => field.blur());
        return;
      }
      const number = Number(event.key);
      if (number >= 1 && number <= SCENES.length) setState({ scene: number - 1, inviting: false });
      else if (event.key === "f") freeze(!frozenAt);
      else if (event.key === "Escape") leave();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [frozenAt]);
}
