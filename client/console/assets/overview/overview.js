// The first view: askers, front end, hosts; requests on their way between them; two buttons and what they cost.

import { html } from "../lib/ui.js";
import { Asked } from "./asked.js";
import { Deeds } from "./deeds.js";
import { Hints } from "./hints.js";
import { Sentence } from "./sentence.js";
import { Stage } from "./stage.js";

export function Overview() {
  return html`<div class="overview">
    <${Sentence} />
    <${Hints} />
    <${Stage} />
    <${Deeds} />
    <${Asked} />
  </div>`;
}
