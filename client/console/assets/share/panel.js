// The trainer's side of the audience: asks before anything is shared, then shows code, address and guests.

import { html, useEffect, useState } from "../lib/ui.js";
import { get, post, remove } from "../lib/api.js";
import { plural } from "../lib/format.js";
import { useWhyNot } from "../lib/may.js";
import { useStore } from "../lib/store.js";

const WAIT_MS = 20000;

export function Share() {
  const share = useStore((state) => state.share);
  return html`<section class="share ${share ? "open" : ""}" aria-labelledby="share-title">${share ? html`<${Shared} share=${share} />` : html`<${Offer} />`}</section>`;
}

function Offer() {
  const whyNot = useWhyNot();
  const may = !whyNot;
  const [told, offer] = useState(null);
  const [chosen, choose] = useState(0);
  const [said, say] = useState("");
  useEffect(() => {
    if (may) get("/api/share").then(offer, (error) => say(error.message));
  }, [may]);
  const offered = told?.offered;
  const one = offered?.[chosen];
  const begin = async () => {
    say("starting …");
    await post("/api/share", { address: one.address }).then(() => say(""), (error) => say(error.message));
  };
  return html`<h1 id="share-title">Audience</h1>
    <p>Phones on the same network get a search page and a view of the cloud. They can change nothing.</p>
    ${whyNot && html`<p class="quiet">${whyNot}</p>`}
    ${offered && !offered.length && html`<p class="bad">${told.why || "This computer is on no network. Join one, or open a hotspot, and open this page again."}</p>`}
    ${offered?.length > 0 && html`<fieldset><legend>On which network?</legend>${offered.map(
        (each, index) => html`<label key=${each.address}><input type="radio" name="network" checked=${index === chosen} onChange=${() => choose(index)} />
          ${each.label} <b>${each.address}</b>${each.public && html` <span class="bad">public: people outside this room may reach it too</span>`}</label>`,
      )}</fieldset>`}
    <button type="button" class="big" disabled=${!may || !one} title=${whyNot || undefined} onClick=${begin}>
      ${one ? `Share with everyone on ${one.label}` : "Share"}</button>
    <p role="status" class="bad">${said}</p>`;
}

function Shared({ share }) {
  const whyNot = useWhyNot();
  const [alone, feelAlone] = useState(false);
  const [said, say] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => feelAlone(true), WAIT_MS);
    return () => clearTimeout(timer);
  }, [share.url]);
  const stop = () => remove("/api/share").catch((error) => say(error.message));
  return html`<img src="${share.qr}?${encodeURIComponent(share.url)}" alt="QR code of ${share.url}" />
    <div class="beside"><h1 id="share-title">Search with your phone</h1>
    <p class="address">${share.url.replace("http://", "")}</p>
    <p>${share.reached ? html`<b>${plural(share.here, "phone")}</b> connected, ${share.reached} so far` : share.who.length ? "Only this computer so far." : "Waiting for the first phone …"}</p>
    ${alone && !share.reached && html`<div role="status" class="alone"><p>No phone has connected yet. If a phone cannot open it:</p>
      <ul><li>it must be on the same network as this computer, not on mobile data;</li>
      <li>guest and office Wi-Fi often blocks connections between devices: open a hotspot on a phone or laptop, join it with this computer, then stop and share again;</li>
      <li>a firewall on this computer may block it: open port ${share.url.split(":").at(-1)}.</li></ul></div>`}
    <ul class="who" aria-label="Connected">${share.who.map(
      (guest, index) => html`<li key=${index}><span class="guest-${guest.colour}" aria-hidden="true">●</span> ${guest.name}</li>`,
    )}</ul>
    <button type="button" disabled=${Boolean(whyNot)} title=${whyNot || undefined} onClick=${stop}>Stop sharing</button>
    <p role="status" class="bad">${said}</p></div>`;
}
