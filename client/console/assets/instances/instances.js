// @ts-check
// Instances: the list of all, or the one that the address names.

import { html } from "../lib/ui.js";
import { InstancePage } from "./instance_page.js";
import { InstanceList } from "./instance_list.js";

/** @param {{ rest: string[] }} props */
export const Instances = ({ rest: [id, tab] }) =>
  id ? html`<${InstancePage} key=${id} id=${id} tab=${tab} />` : html`<${InstanceList} />`;
