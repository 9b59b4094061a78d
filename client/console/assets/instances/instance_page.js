// @ts-check
// One instance: its facts, output, use, faults and events. A new tab is one more entry in TABS.

import { html, useState } from "../lib/ui.js";
import { go } from "../lib/route.js";
import { InstanceState } from "../lib/instance_state.js";
import { useStore } from "../lib/store.js";
import { Tabs } from "../lib/tabs.js";
import { Actions } from "./actions.js";
import { ConsoleOutput } from "./console_output.js";
import { Events } from "./events.js";
import { Faults } from "./faults.js";
import { nameOf } from "./metrics.js";
import { Resources } from "./resources.js";
import { Summary } from "./summary.js";

const TABS = [
  { key: "summary", title: "Summary", view: Summary },
  { key: "console", title: "Console output", view: ConsoleOutput },
  { key: "resources", title: "Resources", view: Resources },
  { key: "faults", title: "Faults", view: Faults },
  { key: "events", title: "Events", view: Events },
];

/** @param {{ id: string, tab?: string }} props */
export function InstancePage({ id, tab }) {
  const instances = useStore((state) => state.instances);
  const [error, setError] = useState("");
  const instance = instances.get(id);
  const back = html`<p><a href="#/instances">All instances</a></p>`;
  if (!instance) {
    return html`<article class="page">${back}<h1>${id}</h1>
      <p>This cloud has no such instance. Terminated instances are forgotten after an hour.</p>
      <${Events} instance=${{ id }} /></article>`;
  }
  /** @param {string} key */
  const open = (key) => go(`instances/${id}/${key}`);
  return html`<article class="page instance-page">
    ${back}
    <div class="top"><h1><bdi>${nameOf(instance) || instance.short}</bdi> <small>${instance.id}</small></h1>
      <${InstanceState} instance=${instance} /></div>
    <div class="actions"><${Actions} instance=${instance} onResult=${setError} /></div>
    <p role="alert" class="bad">${error}</p>
    <${Tabs} label="About ${instance.id}" tabs=${TABS} open=${tab ?? "summary"} onOpen=${open} instance=${instance} />
  </article>`;
}
