// @ts-check
// The launch dialog. It keeps the input until a launch succeeds, and shows errors in the form.

import { html, useEffect, useState } from "../lib/ui.js";
import { get, post } from "../lib/api.js";
import { count } from "../lib/format.js";
import { Dialog } from "../lib/dialog.js";
import { useStore } from "../lib/store.js";
import { useTypeOffers } from "./type_offers.js";
import { tooMany } from "./type_rooms.js";
import { TypeChoice } from "./type_choice.js";

const USER_DATA_BYTES_MAX = 16 * 1024;
/** @type {{ image_id: string, type: string, count: number | "", host: string, name: string, user_data: string }} */
const EMPTY = { image_id: "", type: "t3.nano", count: 1, host: "", name: "", user_data: "" };
let draft = EMPTY;

/** @typedef {{ id: string, name: string, description: string }} Image */

/** @param {{ onClose: () => void, onLaunched: (ids: string[]) => void }} props */
export function LaunchDialog({ onClose, onLaunched }) {
  const [form, setForm] = useState(draft);
  const [images, setImages] = useState(/** @type {Image[]} */ ([]));
  const { offers, error: offersError } = useTypeOffers();
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  /** @param {Partial<typeof EMPTY>} changes */
  const change = (changes) => setForm((draft = { ...draft, ...changes }));
  useEffect(() => {
    get("/api/images").then(({ images: found }) => {
      setImages(found);
      if (!draft.image_id && found.length) change({ image_id: found[0].id });
    }, (failed) => setError(failed.message));
  }, []);
  const bytes = new TextEncoder().encode(form.user_data).length;
  /** @param {Event} event */
  const launch = async (event) => {
    event.preventDefault();
    if (busy) return;
    const refusal = tooMany(Number(form.count), offers?.types.find((each) => each.name === form.type), form.host);
    setError(refusal);
    if (refusal) return;
    setBusy(true);
    try {
      const { instances } = await post("/api/instances", form);
      draft = EMPTY;
      onLaunched(instances);
    } catch (failed) {
      setError(/** @type {Error} */ (failed).message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Launch instances" wide=${true} onClose=${onClose}>
    <form class="launch" onSubmit=${launch}>
    <${ImageChoice} images=${images} chosen=${form.image_id} onChange=${change} />
    <${TypeChoice} offers=${offers} host=${form.host} chosen=${form.type}
      onChoose=${(/** @type {string} */ type) => change({ type })} />
    <${Placement} form=${form} onChange=${change} />
    <${UserData} value=${form.user_data} bytes=${bytes} onChange=${change} />
    <p role="alert" class="bad">${error || offersError}</p>
    <div class="dialog-buttons"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="submit" class="primary" disabled=${busy || bytes > USER_DATA_BYTES_MAX}>${
        busy ? "Launching …" : "Launch"
      }</button></div>
  </form><//>`;
}

/** @typedef {(changes: Partial<typeof EMPTY>) => void} OnChange */

/** @param {{ images: Image[], chosen: string, onChange: OnChange }} props */
function ImageChoice({ images, chosen, onChange }) {
  /** @param {any} event */
  const onSelect = (event) => onChange({ image_id: event.target.value });
  return html`<div class="field"><label for="launch-image">Image</label>
    <select id="launch-image" value=${chosen} onChange=${onSelect} aria-describedby="launch-image-text">
      ${images.map((each) => html`<option value=${each.id}>${each.name} (${each.id})</option>`)}</select>
    <small id="launch-image-text">${images.find((each) => each.id === chosen)?.description}</small></div>`;
}

/** @param {{ form: typeof EMPTY, onChange: OnChange }} props */
function Placement({ form, onChange }) {
  const hosts = useStore((state) => state.hosts);
  /** @param {any} event */
  const onCount = (event) => onChange({ count: event.target.valueAsNumber || "" });
  /** @param {any} event */
  const onHost = (event) => onChange({ host: event.target.value });
  /** @param {any} event */
  const onName = (event) => onChange({ name: event.target.value });
  return html`<div class="three">
      <div class="field"><label for="launch-count">How many</label>
        <input id="launch-count" type="number" required min="1" max="100" value=${form.count} onInput=${onCount} />
      </div>
      <div class="field"><label for="launch-host">Host</label>
        <select id="launch-host" value=${form.host} onChange=${onHost}>
          <option value="">any with room</option>${hosts.map(
            (each) => html`<option value=${each.id}>${each.id}</option>`,
          )}</select></div>
      <div class="field"><label for="launch-name">Name tag</label>
        <input id="launch-name" maxlength="256" autocomplete="off" value=${form.name} onInput=${onName} /></div>
    </div>`;
}

/** @param {{ value: string, bytes: number, onChange: OnChange }} props */
function UserData({ value, bytes, onChange }) {
  /** @param {any} event */
  const onInput = (event) => onChange({ user_data: event.target.value });
  return html`<div class="field"><label for="launch-data">User data</label>
    <textarea id="launch-data" rows="3" spellcheck="false" aria-describedby="launch-data-text" value=${value}
      onInput=${onInput}></textarea>
    <small id="launch-data-text" class=${bytes > USER_DATA_BYTES_MAX ? "bad" : ""}>${count(bytes)} of
      ${" "}${count(USER_DATA_BYTES_MAX)} bytes. The program can read it from the metadata service; it is not run as a
      script.</small></div>`;
}
