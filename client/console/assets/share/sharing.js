// @ts-check
// The presenter's side of the audience: asks before anything is shared, then shows QR code, address and participants.

import { html, useEffect, useState } from "../lib/ui.js";
import { get, post, remove } from "../lib/api.js";
import { plural } from "../lib/format.js";
import { useDisabledReason } from "../lib/permission.js";
import { useStore } from "../lib/store.js";

const WAIT_MS = 20000;

export function Sharing() {
  const share = useStore((state) => state.share);
  return html`<section class="share ${share ? "open" : ""}" aria-labelledby="share-title">${
    share ? html`<${Shared} share=${share} />` : html`<${Offer} />`
  }</section>`;
}

function Offer() {
  const disabledReason = useDisabledReason();
  const canAct = !disabledReason;
  const [offer, setOffer] = useState(/** @type {{ offered: NetworkOffer[], why: string } | null} */ (null));
  const [chosen, choose] = useState(0);
  const [message, setMessage] = useState("");
  useEffect(() => {
    if (canAct) get("/api/share").then(setOffer, (error) => setMessage(error.message));
  }, [canAct]);
  const offered = offer?.offered ?? [];
  const network = offered[chosen];
  const start = () => {
    setMessage("starting …");
    post("/api/share", { address: network.address }).then(() => setMessage(""), (error) => setMessage(error.message));
  };
  /** @param {NetworkOffer} each @param {number} index */
  const choice = (each, index) => html`<label key=${each.address}>
    <input type="radio" name="network" checked=${index === chosen} onChange=${() => choose(index)} />
    ${each.label} <b>${each.address}</b>${
      each.public && html` <span class="bad">public: people outside this room may reach it too</span>`
    }</label>`;
  const none = offer && !offered.length;
  const reason = offer?.why || "This computer is on no network. Join one, or open a hotspot, and open this page again.";
  return html`<h1 id="share-title">Audience</h1>
    <p>Phones on the same network get a search page and a view of the cloud. They can change nothing.</p>
    ${disabledReason && html`<p class="quiet">${disabledReason}</p>`}
    ${none && html`<p class="bad">${reason}</p>`}
    ${offered.length > 0 && html`<fieldset><legend>On which network?</legend>${offered.map(choice)}</fieldset>`}
    <button type="button" class="big" disabled=${!canAct || !network} title=${disabledReason || undefined}
      onClick=${start}>${network ? `Share with everyone on ${network.label}` : "Share"}</button>
    <p role="status" class="bad">${message}</p>`;
}

/** @param {{ share: Share }} props */
function Shared({ share }) {
  const disabledReason = useDisabledReason();
  const [waitedLong, setWaitedLong] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setWaitedLong(true), WAIT_MS);
    return () => clearTimeout(timer);
  }, [share.url]);
  const stop = () => remove("/api/share").catch((failed) => setError(failed.message));
  const { connected, reached, participants, url } = share;
  let status = participants.length ? "Only this computer so far." : "Waiting for the first phone …";
  if (reached) status = /** @type {any} */ (html`<b>${plural(connected, "phone")}</b> connected, ${reached} so far`);
  /** @param {Participant} each @param {number} index */
  const item = (each, index) => html`<li key=${index}><span class="palette-${each.colour}" aria-hidden="true">●</span>
    ${" "}${each.name}</li>`;
  return html`<img src="${share.qr}?${encodeURIComponent(url)}" alt="QR code of ${url}" />
    <div class="beside"><h1 id="share-title">Search with your phone</h1>
    <p class="address">${url.replace("http://", "")}</p>
    <p>${status}</p>
    ${waitedLong && !reached && html`<${NoPhones} port=${url.split(":").at(-1)} />`}
    <ul class="participants" aria-label="Connected">${participants.map(item)}</ul>
    <button type="button" disabled=${Boolean(disabledReason)} title=${disabledReason || undefined}
      onClick=${stop}>Stop sharing</button>
    <p role="status" class="bad">${error}</p></div>`;
}

/** @param {{ port: string }} props */
const NoPhones = ({ port }) => html`<div role="status" class="no-phones">
  <p>No phone has connected yet. If a phone cannot open it:</p>
  <ul><li>it must be on the same network as this computer, not on mobile data;</li>
    <li>guest and office Wi-Fi often blocks connections between devices: open a hotspot on a phone or laptop, join it
      with this computer, then stop and share again;</li>
    <li>a firewall on this computer may block it: open port ${port}.</li></ul></div>`;
