// What can be done to an instance, as buttons. One that is impossible stays in reach of the keyboard and says why.

import { html, useRef, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { Dialog } from "../lib/dialog.js";
import { useStore } from "../lib/store.js";

export const READ_ONLY = "this page may only look: open the address that glasscloud status prints to act";
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
  const [asked, ask] = useState(null);
  const carryOut = (action) =>
    post(`/api/instances/${instance.id}/${action.name}`).then(() => say(""), (error) => say(error.message));
  const shown = session.actions.filter((action) => !names || names.includes(action.name));
  return html`${shown.map(
      (action) => html`<${Button} key=${action.name} label=${action.label} class="on-${action.name}" what=${action.what}
        why=${session.may_act ? (instance.cannot[action.name] ?? "") : READ_ONLY}
        onPress=${() => (question(action, instance) ? ask(action) : carryOut(action))} />`,
    )}
    ${asked && html`<${Confirm} action=${asked} instance=${instance} onClose=${() => ask(null)} onYes=${() => {
      ask(null);
      carryOut(asked);
    }} />`}`;
}

/** What is asked before the action; empty where nothing is. */
function question(action, { fleet }) {
  // A fleet keeps so many running, and takes a stopped one for lost.
  if (action.name === "stop" && fleet) return `Its fleet ${fleet} ends what is stopped and launches another in its place. Go on?`;
  return action.asks;
}

function Confirm({ action, instance, onYes, onClose }) {
  const name = instance.tags.Name;
  return html`<${Dialog} title="${action.label} ${instance.id}" onClose=${onClose}>
    <p>${question(action, instance)}</p>
    <p class="quiet">${instance.type} on ${instance.host}${name && html`, named “<bdi>${name}</bdi>”`}, it is ${instance.state} now.</p>
    ${action.asks && instance.fleet && html`<p class="quiet">It belongs to ${instance.fleet}, which will put another in its place.</p>`}
    <div class="ends"><button type="button" onClick=${onClose}>Keep it</button>
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
