// The search, and how its request is drawn: a name and a colour, remembered by this browser.

import { html, useLayoutEffect, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { ms, plural } from "../lib/format.js";
import { current, useStore } from "../lib/store.js";
import { COLOURS } from "../share/colours.js";
import { Answer } from "./answer.js";
import { noteMine } from "./live.js";

const KEPT = "glasscloud-guest";
const NAME_CHARS_MAX = 20;

export function Ask() {
  const given = useStore((state) => state.you);
  const [me, become] = useState(() => ({ ...given, ...kept() }));
  const [query, type] = useState("");
  const [busy, setBusy] = useState(false);
  const [said, say] = useState("");
  const [answer, show] = useState(null);
  useLayoutEffect(() => keep(me), [me]);
  const be = (change) => become((before) => ({ ...before, ...change }));
  const ask = async (event) => {
    event.preventDefault();
    if (busy) return;
    document.activeElement?.blur();
    setBusy(true);
    say("searching …");
    try {
      const found = await post("/api/search", { query, name: me.name, colour: me.colour });
      noteMine(found.id);
      show(found);
      say(`${plural(found.total, "hit")} in ${ms(found.way.total_ms)}.`);
    } catch (error) {
      say(`${error.message}.`);
    }
    setBusy(false);
  };
  return html`<section class="ask" aria-label="Search">
      <form role="search" onSubmit=${ask}>
        <label for="query">Search the documents</label>
        <div class="line"><input id="query" type="search" enterkeyhint="search" autocomplete="off" maxlength="200" placeholder="hypervisor"
          value=${query} onInput=${(event) => type(event.target.value)} />
        <button type="submit" disabled=${!query.trim() || busy}>Search</button></div>
      </form>
      <p role="status" class="said">${said}</p>
      <${You} me=${me} be=${be} given=${given} />
    </section>
    ${answer && html`<${Answer} answer=${answer} />`}`;
}

function You({ me, be, given }) {
  return html`<details class="you"><summary>Your dot: <span class="dot guest-${me.colour}" aria-hidden="true">●</span> <b>${me.name || given.name}</b>, ${COLOURS[me.colour]}</summary>
    <label for="name">Your name on the screen</label>
    <input id="name" autocomplete="off" maxlength=${NAME_CHARS_MAX} value=${me.name} placeholder=${given.name} onInput=${(event) => be({ name: event.target.value })} />
    <fieldset><legend>Your colour</legend><div class="palette">${COLOURS.map(
      (colour, number) => html`<label class="guest-${number}" key=${colour}><input type="radio" name="colour" checked=${number === me.colour}
        onChange=${() => be({ colour: number })} /><span class="swatch" aria-hidden="true"></span><span class="unseen">${colour}</span></label>`,
    )}</div></fieldset></details>`;
}

function kept() {
  try {
    const { name, colour } = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    return COLOURS[colour] === undefined ? {} : { name: String(name ?? current().you.name), colour };
  } catch {
    return {};
  }
}

function keep({ name, colour }) {
  try {
    localStorage.setItem(KEPT, JSON.stringify({ name, colour }));
  } catch {
    // A browser that stores nothing starts with the given name.
  }
}
