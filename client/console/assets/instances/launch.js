// The launch dialog. What was typed stays until instances were launched; a refusal is shown in the form.

import { html, useEffect, useState } from "../lib/ui.js";
import { get, post } from "../lib/api.js";
import { count } from "../lib/format.js";
import { Dialog } from "../lib/dialog.js";
import { useStore } from "../lib/store.js";
import { useOffers } from "./offers.js";
import { tooMany } from "./room.js";
import { Types } from "./types.js";

const USER_DATA_BYTES_MAX = 16 * 1024;
const EMPTY = { image_id: "", type: "t3.nano", count: 1, host: "", name: "", user_data: "" };
let draft = EMPTY;

export function Launch({ onClose, onLaunched }) {
  const hosts = useStore((state) => state.hosts);
  const [wish, wanted] = useState(draft);
  const [images, setImages] = useState([]);
  const { offers, error } = useOffers();
  const [said, say] = useState("");
  const [busy, setBusy] = useState(false);
  const want = (change) => wanted((draft = { ...draft, ...change }));
  useEffect(() => {
    get("/api/images").then(({ images: found }) => {
      setImages(found);
      if (!draft.image_id && found.length) want({ image_id: found[0].id });
    }, (error) => say(error.message));
  }, []);
  const bytes = new TextEncoder().encode(wish.user_data).length;
  const image = images.find((each) => each.id === wish.image_id);
  const launch = async (event) => {
    event.preventDefault();
    if (busy) return;
    const refusal = tooMany(wish.count, offers?.types.find((each) => each.name === wish.type), wish.host);
    say(refusal);
    if (refusal) return;
    setBusy(true);
    try {
      const { instances } = await post("/api/instances", wish);
      draft = EMPTY;
      onLaunched(instances);
    } catch (error) {
      say(error.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Launch instances" wide=${true} onClose=${onClose}><form class="launch" onSubmit=${launch}>
    <div class="field"><label for="launch-image">Image</label>
      <select id="launch-image" value=${wish.image_id} onChange=${(event) => want({ image_id: event.target.value })} aria-describedby="launch-image-is">
        ${images.map((each) => html`<option value=${each.id}>${each.name} (${each.id})</option>`)}</select>
      <small id="launch-image-is">${image?.description}</small></div>
    <${Types} offers=${offers} host=${wish.host} chosen=${wish.type} onChoose=${(type) => want({ type })} />
    <div class="three">
      <div class="field"><label for="launch-count">How many</label>
        <input id="launch-count" type="number" required min="1" max="100" value=${wish.count} onInput=${(event) => want({ count: event.target.valueAsNumber || "" })} /></div>
      <div class="field"><label for="launch-host">Host</label>
        <select id="launch-host" value=${wish.host} onChange=${(event) => want({ host: event.target.value })}>
          <option value="">any with room</option>${hosts.map((each) => html`<option value=${each.id}>${each.id}</option>`)}</select></div>
      <div class="field"><label for="launch-name">Name tag</label>
        <input id="launch-name" maxlength="256" autocomplete="off" value=${wish.name} onInput=${(event) => want({ name: event.target.value })} /></div>
    </div>
    <div class="field"><label for="launch-data">User data</label>
      <textarea id="launch-data" rows="3" spellcheck="false" aria-describedby="launch-data-is" value=${wish.user_data} onInput=${(event) => want({ user_data: event.target.value })}></textarea>
      <small id="launch-data-is" class=${bytes > USER_DATA_BYTES_MAX ? "bad" : ""}>${count(bytes)} of ${count(USER_DATA_BYTES_MAX)} bytes. The program can read it from the metadata service; it is not run as a script.</small></div>
    <p role="alert" class="bad">${said || error}</p>
    <div class="ends"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="submit" class="primary" disabled=${busy || bytes > USER_DATA_BYTES_MAX}>${busy ? "Launching …" : "Launch"}</button></div>
  </form><//>`;
}
