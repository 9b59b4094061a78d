// @ts-check
// The instance types to choose from: price, limits, and where they fit. Those that fit come first; the others are
// behind one line, with what they need beside what is free.

import { html, useLayoutEffect, useRef } from "../lib/ui.js";
import { cores, mib } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { price } from "./metrics.js";
import { byRoom, fitText, freeOn, largerTypes, needs } from "./type_rooms.js";

/** @param {{ offers: Offers | null, host: string, chosen: string, onChoose: (type: string) => void }} props */
export function TypeChoice({ offers, host, chosen, onChoose }) {
  const hosts = useStore((state) => state.hosts);
  const box = useRef();
  // On a phone the list is longer than the dialog: the chosen type is scrolled into view.
  useLayoutEffect(() => {
    box.current?.querySelector("input:checked")?.closest("tr").scrollIntoView({ block: "nearest" });
  }, [offers === null]);
  if (!offers) return html`<p class="wait">Loading types …</p>`;
  const [fitting, others] = byRoom(offers.types, host);
  const free = hosts.filter((each) => !host || each.id === host).map((each) => `${each.id} ${freeOn(each)}`).join("; ");
  const heads = ["Type", "Price/h", "CPU cores", "Memory", "Fits now"];
  /** @param {CatalogueType} type */
  const row = (type) => html`<${Row} key=${type.name} type=${type} host=${host} chosen=${chosen === type.name}
    onChoose=${onChoose} />`;
  return html`<fieldset class="types" ref=${box}>
    <legend>Type <small>prices of ${offers.region}, Linux on demand, as of ${offers.as_of}</small></legend>
    ${fitting.length > 0 && html`<table class="stacks">
      <thead><tr>${heads.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
      <tbody>${fitting.map(row)}</tbody></table>`}
    ${!fitting.length && html`<p class="bad">Nothing fits here now.</p>`}
    ${others.length > 0 && html`<details><summary>${largerTypes(others)}</summary>
      <p class="quiet">Free: ${free}.</p>
      <ul class="larger">${others.map((each) => html`<li><b>${each.name}</b> needs ${needs(each)}</li>`)}</ul>
    </details>`}
  </fieldset>`;
}

/** @param {{ type: CatalogueType, host: string, chosen: boolean, onChoose: (type: string) => void }} props */
function Row({ type, host, chosen, onChoose }) {
  const { name, limits, price_usd_hour, rooms } = type;
  const id = `type-${name}`;
  return html`<tr>
    <th scope="row"><label><input type="radio" name="type" value=${name} checked=${chosen} aria-describedby=${id}
      onChange=${() => onChoose(name)} /> ${name}</label></th>
    <td data-label="Price/h">${price(price_usd_hour)}</td>
    <td data-label="CPU cores">${cores(limits.cpu_guaranteed_cores)} to ${cores(limits.cpu_quota_cores)}</td>
    <td data-label="Memory">${mib(limits.memory_mib)}</td>
    <td id=${id} data-label="Fits now">${fitText(rooms.filter((room) => !host || room.host === host))}</td></tr>`;
}
