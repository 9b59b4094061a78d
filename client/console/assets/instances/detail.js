// One instance: what it is, prints and uses, its faults, and what happened to it. A new tab is one more entry in TABS.

import { html, useState } from "../lib/ui.js";
import { go } from "../lib/route.js";
import { State } from "../lib/state.js";
import { useStore } from "../lib/store.js";
import { Tabs } from "../lib/tabs.js";
import { Actions } from "./acting.js";
import { Output } from "./output.js";
import { Events } from "./events.js";
import { Faults } from "./faults.js";
import { nameOf } from "./figures.js";
import { Resources } from "./resources.js";
import { Summary } from "./summary.js";

const TABS = [
  { key: "summary", title: "Summary", view: Summary },
  { key: "console", title: "Console output", view: Output },
  { key: "resources", title: "Resources", view: Resources },
  { key: "faults", title: "Faults", view: Faults },
  { key: "events", title: "Events", view: Events },
];

export function Detail({ id, tab }) {
  const instances = useStore((state) => state.instances);
  const [said, say] = useState("");
  const instance = instances.get(id);
  if (!instance) {
    return html`<article class="page"><p><a href="#/instances">All instances</a></p><h1>${id}</h1>
      <p>This cloud has no such instance. Terminated instances are forgotten after an hour.</p><${Events} instance=${{ id }} /></article>`;
  }
  return html`<article class="page detail">
    <p><a href="#/instances">All instances</a></p>
    <div class="top"><h1><bdi>${nameOf(instance) || instance.short}</bdi> <small>${instance.id}</small></h1><${State} instance=${instance} /></div>
    <div class="actions"><${Actions} instance=${instance} say=${say} /></div>
    <p role="alert" class="bad">${said}</p>
    <${Tabs} label="About ${instance.id}" tabs=${TABS} open=${tab ?? "summary"} onOpen=${(key) => go(`instances/${id}/${key}`)} instance=${instance} />
  </article>`;
}
