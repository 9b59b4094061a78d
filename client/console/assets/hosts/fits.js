// What still fits: for each type how many on each host; those that fit nowhere stand behind one line.

import { html } from "../lib/ui.js";
import { price } from "../instances/figures.js";
import { useOffers } from "../instances/offers.js";
import { freeOn, largerOnes, needs, parted } from "../instances/room.js";

export function Fits({ hosts }) {
  const { offers, error } = useOffers();
  const [fit, others] = parted(offers?.types ?? []);
  return html`<section><h2>What still fits</h2>
    <p role="alert" class="bad">${error}</p>
    ${offers && html`<p class="quiet">Free: ${hosts.map((host, index) => html`${index > 0 && "; "}${host.id} ${freeOn(host)}`)}.</p>`}
    ${fit.length > 0 && html`<${Table} types=${fit} hosts=${hosts} />`}
    ${others.length > 0 && html`<details><summary>${largerOnes(others)}</summary>
      <ul class="larger">${others.map((each) => html`<li><b>${each.name}</b> needs ${needs(each)}</li>`)}</ul></details>`}</section>`;
}

const Table = ({ types, hosts }) => html`<table class="fits stacks"><caption>How many more of each type fit on each host</caption><thead><tr><th scope="col">Type</th><th scope="col">Needs</th><th scope="col">Price per hour</th>${hosts.map((host) => html`<th scope="col">${host.id}</th>`)}</tr></thead>
  <tbody>${types.map(
    (each) => html`<tr key=${each.name}><th scope="row">${each.name}</th><td data-label="Needs" class="needs">${needs(each)}</td><td data-label="Price per hour">${price(each.price_usd_hour)}</td>
    ${hosts.map((host) => {
      const fits = each.rooms.find((one) => one.host === host.id)?.fits;
      return html`<td data-label=${host.id} class=${fits ? "" : "full"}>${fits ? `${fits} more` : "none"}</td>`;
    })}</tr>`,
  )}</tbody></table>`;
