// The types to choose from: price, limits here, and where they fit. Those that fit come first; the others stand behind one
// line, with what they need beside what is free.

import { html, useLayoutEffect, useRef } from "../lib/ui.js";
import { cores, mib } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { price } from "./figures.js";
import { fitting, freeOn, largerOnes, needs, parted } from "./room.js";

export function Types({ offers, host, chosen, onChoose }) {
  const hosts = useStore((state) => state.hosts);
  const box = useRef(null);
  // On a phone the list is longer than the dialog: the chosen type is in sight when it comes.
  useLayoutEffect(() => box.current?.querySelector("input:checked")?.closest("tr").scrollIntoView({ block: "nearest" }), [offers === null]);
  if (!offers) return html`<p class="wait">Loading types …</p>`;
  const [fit, others] = parted(offers.types, host);
  const there = hosts.filter((each) => !host || each.id === host);
  return html`<fieldset class="types" ref=${box}><legend>Type <small>prices of ${offers.region}, Linux on demand, as of ${offers.as_of}</small></legend>
    ${fit.length > 0 && html`<table class="stacks"><thead><tr><th scope="col">Type</th><th scope="col">Price/h</th><th scope="col">CPU cores here</th><th scope="col">Memory</th><th scope="col">Fits now</th></tr></thead>
    <tbody>${fit.map((each) => {
      const id = `type-${each.name}`;
      return html`<tr key=${each.name}>
        <th scope="row"><label><input type="radio" name="type" value=${each.name} checked=${chosen === each.name} aria-describedby=${id} onChange=${() => onChoose(each.name)} /> ${each.name}</label></th>
        <td data-label="Price/h">${price(each.price_usd_hour)}</td>
        <td data-label="CPU cores here">${cores(each.limits.cpu_guaranteed_cores)} to ${cores(each.limits.cpu_quota_cores)}</td>
        <td data-label="Memory">${mib(each.limits.memory_mib)}</td>
        <td id=${id} data-label="Fits now">${fitting(each.rooms.filter((room) => !host || room.host === host))}</td></tr>`;
    })}</tbody></table>`}
    ${!fit.length && html`<p class="bad">Nothing fits here now.</p>`}
    ${others.length > 0 && html`<details><summary>${largerOnes(others)}</summary>
      <p class="quiet">Free: ${there.map((each, index) => html`${index > 0 && "; "}${each.id} ${freeOn(each)}`)}.</p>
      <ul class="larger">${others.map((each) => html`<li><b>${each.name}</b> needs ${needs(each)}</li>`)}</ul></details>`}
  </fieldset>`;
}
