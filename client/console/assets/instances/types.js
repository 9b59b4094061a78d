// The types to choose from: price, limits here, and where they fit. One that fits nowhere says why and cannot be chosen.

import { html, useLayoutEffect, useRef } from "../lib/ui.js";
import { cores, mib } from "../lib/format.js";
import { price } from "./figures.js";

export function Types({ offers, host, chosen, onChoose }) {
  const box = useRef(null);
  // The chosen one is in sight when the list comes.
  useLayoutEffect(() => {
    const row = box.current?.querySelector("input:checked")?.closest("tr");
    if (row) box.current.scrollTop = row.offsetTop - box.current.querySelector("thead").offsetHeight - row.offsetHeight;
  }, [offers === null]);
  if (!offers) return html`<p class="wait">Asking what there is room for …</p>`;
  return html`<fieldset class="types"><legend>Type <small>prices of ${offers.region}, Linux on demand, as of ${offers.as_of}</small></legend>
    <div class="scroll" ref=${box} tabindex="0" role="group" aria-label="Types"><table class="stacks"><thead><tr><th scope="col">Type</th><th scope="col">Price/h</th><th scope="col">CPU cores here</th><th scope="col">Memory</th><th scope="col">Fits now</th></tr></thead>
    <tbody>${offers.types.map((each) => {
      const rooms = each.rooms.filter((room) => !host || room.host === host);
      const fits = rooms.some((room) => room.fits > 0);
      const id = `type-${each.name}`;
      return html`<tr class=${fits ? "" : "full"}>
        <th scope="row"><label><input type="radio" name="type" value=${each.name} checked=${chosen === each.name} disabled=${!fits} aria-describedby=${id} onChange=${() => onChoose(each.name)} /> ${each.name}</label></th>
        <td data-label="Price/h">${price(each.price_usd_hour)}</td>
        <td data-label="CPU cores here">${span(each.limits)}</td>
        <td data-label="Memory">${mib(each.limits.memory_mib)}</td>
        <td id=${id} data-label="Fits now">${fits ? fitting(rooms) : rooms.map((room) => room.why).join("; ")}</td></tr>`;
    })}</tbody></table></div></fieldset>`;
}

/** From what is guaranteed to the ceiling; only the former where no host has as much. */
const span = ({ cpu_guaranteed_cores: least, cpu_quota_cores: most }) => (least > most ? `needs ${cores(least)}` : `${cores(least)} to ${cores(most)}`);

export const fitting = (rooms) =>
  rooms.map((room, index) => `${room.fits || "none"}${room.fits && !index ? " more" : ""} on ${room.host}`).join(", ");
