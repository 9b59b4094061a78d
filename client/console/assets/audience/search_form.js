// @ts-check
// The search, and how its request is drawn: a name and a colour, stored in this browser.

import { html, useLayoutEffect, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { ms, plural } from "../lib/format.js";
import { current, useStore } from "../lib/store.js";
import { COLOURS } from "../share/palette.js";
import { SearchResults } from "./search_results.js";
import { addOwnRequest } from "./live_view.js";

const STORED = "glasscloud-guest";
const NAME_CHARS_MAX = 20;

export function SearchForm() {
  const given = useStore((state) => state.you);
  const [you, setYou] = useState(() => ({ ...given, ...stored() }));
  const [query, setQuery] = useState("");
  const [busy, setBusy] = useState(false);
  const [message, setMessage] = useState("");
  const [result, setResult] = useState(/** @type {import("./search_results.js").Result | null} */ (null));
  useLayoutEffect(() => store(you), [you]);
  /** @param {Partial<Participant>} change */
  const change = (change) => setYou((before) => ({ ...before, ...change }));
  /** @param {Event} event */
  const search = async (event) => {
    event.preventDefault();
    if (busy) return;
    /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
    setBusy(true);
    setMessage("searching …");
    try {
      const found = await post("/api/search", { query, name: you.name, colour: you.colour });
      addOwnRequest(found.id);
      setResult(found);
      setMessage(`${plural(found.total, "hit")} in ${ms(found.timeline.total_ms)}.`);
    } catch (error) {
      setMessage(`${/** @type {Error} */ (error).message}.`);
    }
    setBusy(false);
  };
  /** @param {any} event */
  const onInput = (event) => setQuery(event.target.value);
  return html`<section class="search" aria-label="Search">
      <form role="search" onSubmit=${search}>
        <label for="query">Search the documents</label>
        <div class="line"><input id="query" type="search" enterkeyhint="search" autocomplete="off" maxlength="200"
          placeholder="hypervisor" value=${query} onInput=${onInput} />
        <button type="submit" disabled=${!query.trim() || busy}>Search</button></div>
      </form>
      <p role="status" class="message">${message}</p>
      <${YourDot} you=${you} given=${given} onChange=${change} />
    </section>
    ${result && html`<${SearchResults} result=${result} />`}`;
}

/** @param {{ you: Participant, given: Participant, onChange: (change: Partial<Participant>) => void }} props */
function YourDot({ you, given, onChange }) {
  /** @param {any} event */
  const onName = (event) => onChange({ name: event.target.value });
  /** @param {string} colour @param {number} number */
  const choice = (colour, number) => html`<label class="palette-${number}" key=${colour}>
    <input type="radio" name="colour" checked=${number === you.colour} onChange=${() => onChange({ colour: number })} />
    <span class="swatch" aria-hidden="true"></span><span class="visually-hidden">${colour}</span></label>`;
  return html`<details class="your-dot"><summary>Your dot:
      ${" "}<span class="dot palette-${you.colour}" aria-hidden="true">●</span>
      ${" "}<b>${you.name || given.name}</b>, ${COLOURS[you.colour]}</summary>
    <label for="name">Your name on the screen</label>
    <input id="name" autocomplete="off" maxlength=${NAME_CHARS_MAX} value=${you.name} placeholder=${given.name}
      onInput=${onName} />
    <fieldset><legend>Your colour</legend><div class="palette">${COLOURS.map(choice)}</div></fieldset></details>`;
}

function stored() {
  try {
    const { name, colour } = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return COLOURS[colour] === undefined ? {} : { name: String(name ?? current().you.name), colour };
  } catch {
    return {};
  }
}

/** @param {Participant} you */
function store({ name, colour }) {
  try {
    localStorage.setItem(STORED, JSON.stringify({ name, colour }));
  } catch {
    // A browser that stores nothing starts with the given name.
  }
}
