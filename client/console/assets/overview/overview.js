// The first view: askers, front end, hosts; requests on their way between them; two buttons and what they cost.

import { html } from "../lib/ui.js";
import { Deeds } from "./deeds.js";
import { Sentence } from "./sentence.js";
import { Stage } from "./stage.js";

export function Overview() {
  return html`<div class="overview">
    <${Sentence} />
    <${Stage} />
    <${Deeds} />
  </div>`;
}
