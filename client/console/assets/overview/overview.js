// The first view: who sends requests, front end, hosts; requests on their way between them; two buttons, what they cost,
// and the answer to one's own search.

import { html } from "../lib/ui.js";
import { Asked } from "./asked.js";
import { Experiments } from "./experiments.js";
import { Hints } from "./hints.js";
import { Sentence } from "./sentence.js";
import { Stage } from "./stage.js";
import { Twin } from "./twin.js";

export function Overview() {
  return html`<div class="overview">
    <${Sentence} />
    <${Hints} />
    <${Stage} />
    <${Experiments} />
    <${Asked} />
    <${Twin} />
  </div>`;
}
