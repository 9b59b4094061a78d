// What can be done to an instance, as buttons. One that is impossible stays in reach of the keyboard and says why.

import { html, useRef, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { Dialog } from "../lib/dialog.js";
import { useWhyNot } from "../lib/may.js";
import { useStore } from "../lib/store.js";

let numbers = 0;

/** A button that says on focus and under the pointer why it cannot be pressed; `why` is empty when it can. */
export function Button({ why, what, label, class: kind = "", onPress, ...more }) {
  const id = useRef(`why-${++numbers}`).current;
  const told = why || what;
  return html`<span class="act">
    <button type="button" class=${kind} aria-disabled=${why ? "true" : undefined} aria-describedby=${told ? id : undefined}
      title=${told} onClick=${() => !why && onPress()} ...${more}>${label}</button>
    ${told && html`<span class="why ${why ? "is-why" : ""}" id=${id}>${told}</span>`}
  </span>`;
}

/** Every action on the instance; `say` hears a refusal's sentence, and "" when it was accepted. */
export function Actions({ instance, say, names }) {
  const session = useStore((state) => state.session);
  const whyNot = useWhyNot();
  const [asked, ask] = useState(null);
  const carryOut = (action) =>
    post(`/api/instances/${instance.id}/${action.name}`).then(() => say(""), (error) => say(error.message));
  const shown = session.actions.filter((action) => !names || names.includes(action.name));
  return html`${shown.map(
      (action) => html`<${Button} key=${action.name} label=${action.label} class="on-${action.name}" what=${action.what}
        why=${whyNot || (instance.cannot[action.name] ?? "")}
        onPress=${() => (question(action, instance) ? ask(action) : carryOut(action))} />`,
    )}
    ${asked && html`<${Confirm} action=${asked} instance=${instance} onClose=${() => ask(null)} onYes=${() => {
      ask(null);
      carryOut(asked);
    }} />`}`;
}

/** What is asked before the action; empty where nothing is. */
function question(action, { fleet }) {
  // A fleet takes a stopped instance for lost.
  if (action.name === "stop" && fleet) return `Its fleet ${fleet} deletes stopped instances and launches replacements. Continue?`;
  return action.asks;
}

function Confirm({ action, instance, onYes, onClose }) {
  const name = instance.tags.Name;
  return html`<${Dialog} title="${action.label} ${instance.id}" onClose=${onClose}>
    <p>${question(action, instance)}</p>
    <p class="quiet">${instance.type} on ${instance.host}${name && html`, named “<bdi>${name}</bdi>”`}, now ${instance.state}.</p>
    ${action.asks && instance.fleet && html`<p class="quiet">Its fleet ${instance.fleet} will replace it.</p>`}
    ${action.name === "kill" && !instance.fleet && html`<p class="quiet">It belongs to no fleet: nothing replaces it. You can start it again.</p>`}
    <div class="ends"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="danger" onClick=${onYes}>${action.label}</button></div>
  <//>`;
}

/** The actions behind one button, for a row of a table. */
export function Menu({ instance, say }) {
  const [open, set] = useState(false);
  const box = useRef(null);
  const button = useRef(null);
  const leave = (event) => !box.current.contains(event.relatedTarget) && !box.current.querySelector("dialog") && set(false);
  const close = () => {
    if (box.current?.contains(document.activeElement)) button.current.focus();
    set(false);
  };
  const escape = (event) => event.key === "Escape" && open && !box.current.querySelector("dialog") && close();
  const told = (refusal) => {
    say(refusal);
    if (!refusal) close();
  };
  return html`<div class="menu" ref=${box} onFocusOut=${leave} onKeyDown=${escape}>
    <button type="button" ref=${button} aria-expanded=${open} aria-label="Act on ${instance.id}" onClick=${() => set(!open)}>Act <span aria-hidden="true">▾</span></button>
    ${open && html`<div class="choices"><${Actions} instance=${instance} say=${told} /></div>`}
  </div>`;
}
