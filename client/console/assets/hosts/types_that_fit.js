// @ts-check
// What still fits: for each instance type how many on each host; those that fit nowhere are behind one line.

import { html } from "../lib/ui.js";
import { price } from "../instances/metrics.js";
import { useTypeOffers } from "../instances/type_offers.js";
import { byRoom, freeOn, largerTypes, needs } from "../instances/type_rooms.js";

/** @param {{ hosts: Host[] }} props */
export function TypesThatFit({ hosts }) {
  const { offers, error } = useTypeOffers();
  const [fitting, others] = byRoom(offers?.types ?? []);
  const free = hosts.map((host) => `${host.id} ${freeOn(host)}`).join("; ");
  return html`<section><h2>What still fits</h2>
    <p role="alert" class="bad">${error}</p>
    ${offers && html`<p class="quiet">Free: ${free}.</p>`}
    ${fitting.length > 0 && html`<${Table} types=${fitting} hosts=${hosts} />`}
    ${others.length > 0 && html`<details><summary>${largerTypes(others)}</summary>
      <ul class="larger">${others.map((each) => html`<li><b>${each.name}</b> needs ${needs(each)}</li>`)}</ul>
    </details>`}</section>`;
}

/** @param {{ types: CatalogueType[], hosts: Host[] }} props */
function Table({ types, hosts }) {
  /** @param {CatalogueType} type */
  const row = (type) => html`<tr key=${type.name}><th scope="row">${type.name}</th>
    <td data-label="Needs" class="needs">${needs(type)}</td>
    <td data-label="Price per hour">${price(type.price_usd_hour)}</td>
    ${hosts.map((host) => {
      const fits = type.rooms.find((one) => one.host === host.id)?.fits;
      return html`<td data-label=${host.id} class=${fits ? "" : "full"}>${fits ? `${fits} more` : "none"}</td>`;
    })}</tr>`;
  const heads = ["Type", "Needs", "Price per hour", ...hosts.map((host) => host.id)];
  return html`<table class="fits stacks"><caption>How many more of each type fit on each host</caption>
    <thead><tr>${heads.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
    <tbody>${types.map(row)}</tbody></table>`;
}
