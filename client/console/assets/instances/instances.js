// Instances: the list of all, or the one that the address names.

import { html } from "../lib/ui.js";
import { Detail } from "./detail.js";
import { List } from "./list.js";

export const Instances = ({ rest: [id, tab] }) => (id ? html`<${Detail} key=${id} id=${id} tab=${tab} />` : html`<${List} />`);
