// @ts-check
// The actions on an instance as buttons. A disabled one can still be focused and says why it is disabled.

import { html, useRef, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { Dialog } from "../lib/dialog.js";
import { useDisabledReason } from "../lib/permission.js";
import { useStore } from "../lib/store.js";

let count = 0;

/**
 * A button that says on focus and under the pointer what it does, or why it is disabled; `why` is empty if it is not.
 * @param {{ why: string, description?: string, label: string, class?: string, onPress: () => void,
 *   [name: string]: unknown }} props
 */
export function Button({ why, description, label, class: kind = "", onPress, ...more }) {
  const id = useRef(`button-${++count}`).current;
  const hint = why || description;
  return html`<span class="action">
    <button type="button" class=${kind} aria-disabled=${why ? "true" : undefined} title=${hint}
      aria-describedby=${hint ? id : undefined} onClick=${() => !why && onPress()} ...${more}>${label}</button>
    ${hint && html`<span class="hint" id=${id}>${hint}</span>`}
  </span>`;
}

/**
 * All actions on the instance, or those named with their `options`. `onResult` receives a refusal's message, or "" if
 * the action was accepted.
 * @param {{ instance: Instance, onResult: (message: string) => void, names?: string[],
 *   options?: Record<string, number> }} props
 */
export function Actions({ instance, onResult, names, options }) {
  const actions = useStore((state) => state.actions);
  const disabledReason = useDisabledReason();
  const [confirming, setConfirming] = useState(/** @type {Action | null} */ (null));
  /** @param {Action} action */
  const run = ({ name }) =>
    post(`/api/instances/${instance.id}/${name}`, options).then(() => onResult(""), (error) => onResult(error.message));
  /** @param {Action} action */
  const press = (action) => (question(action, instance) ? setConfirming(action) : run(action));
  /** @param {Action} action */
  const button = (action) => html`<${Button} key=${action.name} label=${action.label} class=${tone(action)}
    description=${action.description} why=${disabledReason || (instance.disabled[action.name] ?? "")}
    onPress=${() => press(action)} />`;
  const close = () => setConfirming(null);
  const confirm = () => {
    close();
    if (confirming) run(confirming);
  };
  return html`${actions.filter((action) => !names || names.includes(action.name)).map(button)}
    ${confirming && html`<${Confirmation} action=${confirming} instance=${instance} onClose=${close}
      onConfirm=${confirm} />`}`;
}

/** @param {Action} action */
const tone = ({ confirm, kind }) => (confirm ? "destructive" : kind === "lifecycle" ? "" : "disturbing");

/** The question to ask before the action; empty for none. @param {Action} action @param {Instance} instance */
function question(action, { fleet }) {
  // A fleet replaces a stopped instance as if it were lost.
  if (action.name === "stop" && fleet)
    return `Its fleet ${fleet} deletes stopped instances and launches replacements. Continue?`;
  return action.confirm;
}

/** @param {{ action: Action, instance: Instance, onConfirm: () => void, onClose: () => void }} props */
function Confirmation({ action, instance, onConfirm, onClose }) {
  const { fleet, id, host, state, type } = instance;
  const name = instance.tags.Name;
  return html`<${Dialog} title="${action.label} ${id}" onClose=${onClose}>
    <p>${question(action, instance)}</p>
    <p class="quiet">${type} on ${host}${name && html`, named “<bdi>${name}</bdi>”`}, now ${state}.</p>
    ${action.confirm && fleet && html`<p class="quiet">Its fleet ${fleet} will replace it.</p>`}
    ${action.kind !== "lifecycle" && !fleet && html`<p class="quiet">It belongs to no fleet:
      nothing replaces it. You can start it again.</p>`}
    <div class="dialog-buttons"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="danger" onClick=${onConfirm}>${action.label}</button></div>
  <//>`;
}

/**
 * The actions behind one button, for a table's row.
 * @param {{ instance: Instance, onResult: (message: string) => void }} props
 */
export function ActionMenu({ instance, onResult }) {
  const [open, setOpen] = useState(false);
  const box = useRef();
  const button = useRef();
  const hasDialog = () => box.current.querySelector("dialog");
  /** @param {FocusEvent} event */
  const onFocusOut = (event) => !box.current.contains(event.relatedTarget) && !hasDialog() && setOpen(false);
  const close = () => {
    if (box.current?.contains(document.activeElement)) button.current.focus();
    setOpen(false);
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => event.key === "Escape" && open && !hasDialog() && close();
  /** @param {string} message */
  const onDone = (message) => {
    onResult(message);
    if (!message) close();
  };
  return html`<div class="menu" ref=${box} onFocusOut=${onFocusOut} onKeyDown=${onKeyDown}>
    <button type="button" ref=${button} aria-expanded=${open} aria-label="Actions on ${instance.id}"
      onClick=${() => setOpen(!open)}>Actions <span aria-hidden="true">▾</span></button>
    ${open && html`<div class="choices"><${Actions} instance=${instance} onResult=${onDone} /></div>`}
  </div>`;
}
