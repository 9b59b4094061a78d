// What still fits: for each type how many on each host, or why not one, in the platform's words.

import { html } from "../lib/ui.js";
import { cores, mib } from "../lib/format.js";
import { price } from "../instances/figures.js";
import { useOffers } from "../instances/offers.js";

export function Fits({ hosts }) {
  const { offers, error } = useOffers();
  return html`<section><h2>What still fits</h2>
    <p role="alert" class="bad">${error}</p>
    ${offers && html`<table class="fits stacks"><caption>How many more of each type fit on each host</caption><thead><tr><th scope="col">Type</th><th scope="col">Needs</th><th scope="col">Price per hour</th>${hosts.map((host) => html`<th scope="col">${host.id}</th>`)}</tr></thead>
    <tbody>${fittingFirst(offers.types).map(
      (each) => html`<tr key=${each.name}><th scope="row">${each.name}</th><td data-label="Needs" class="needs">${cores(each.limits.cpu_guaranteed_cores)} cores, ${mib(each.limits.memory_mib)}</td><td data-label="Price per hour">${price(each.price_usd_hour)}</td>
      ${hosts.map((host) => {
        const room = each.rooms.find((one) => one.host === host.id);
        return html`<td data-label=${host.id} class=${room?.fits ? "" : "full"}>${!room ? "–" : room.fits ? `${room.fits} more` : html`<b>none</b>: ${room.why}`}</td>`;
      })}</tr>`,
    )}</tbody></table>`}</section>`;
}

const fittingFirst = (types) => [true, false].flatMap((wanted) => types.filter((each) => each.rooms.some((room) => room.fits) === wanted));
