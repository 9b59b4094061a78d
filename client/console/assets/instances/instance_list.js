// @ts-check
// Every instance with its current figures, to sort and filter; instances are launched and acted on from here.

import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { plural } from "../lib/format.js";
import { useDisabledReason } from "../lib/permission.js";
import { useStore } from "../lib/store.js";
import { Term } from "../lib/terms.js";
import { Button } from "./actions.js";
import { COLUMNS, STATES, matching, pressed, sorted } from "./columns.js";
import { lastMinute } from "./metrics.js";
import { LaunchDialog } from "./launch_dialog.js";
import { InstanceRow } from "./instance_row.js";

/** @typedef {import("./columns.js").TableColumn} TableColumn */
/** @typedef {import("./columns.js").Sort} Sort */

const EXPLAINED = new Set(["req/s", "p99"]);

export function InstanceList() {
  const instances = useStore((state) => state.instances);
  const seconds = useStore((state) => state.seconds);
  const disabledReason = useDisabledReason();
  const [sort, setSort] = useState({ key: "age", down: true });
  const [text, setText] = useState("");
  const [hidden, setHidden] = useState(new Set(["terminated"]));
  const [launching, setLaunching] = useState(false);
  const [launched, setLaunched] = useState(/** @type {string[]} */ ([]));
  const [error, setError] = useState("");
  const body = useRef();
  // The first new instance takes the focus when its row appears.
  const first = launched.length && instances.has(launched[0]) ? launched[0] : null;
  useEffect(() => {
    if (first) body.current?.querySelector(`a[href="#/instances/${first}"]`)?.focus();
  }, [first]);
  const all = [...instances.values()];
  const shown = sorted(matching(all, text, hidden), sort, (id) => lastMinute(seconds, id).now);
  const terminated = all.filter((each) => each.state === "terminated").length;
  const total = all.length - (hidden.has("terminated") ? terminated : 0);
  /** @param {string} state */
  const toggle = (state) => {
    const after = new Set(hidden);
    if (!after.delete(state)) after.add(state);
    setHidden(after);
  };
  /** @param {string[]} ids */
  const onLaunched = (ids) => {
    setLaunching(false);
    setText("");
    setLaunched(ids);
  };
  /** @param {any} event */
  const onFilter = (event) => setText(event.target.value);
  /** @param {Instance} each */
  const row = (each) => html`<${InstanceRow} key=${each.id} instance=${each} seconds=${seconds}
    isNew=${launched.includes(each.id)} onResult=${setError} />`;
  /** @param {TableColumn} column */
  const head = (column) => html`<${Head} key=${column.key} column=${column} sort=${sort}
    onPress=${() => setSort(pressed(sort, column.key))} />`;
  return html`<article class="page instances">
    <div class="top"><h1>Instances</h1><span class="quiet">${
      shown.length === total ? plural(total, "instance") : `${shown.length} of ${all.length} shown`
    }</span>
      <span class="fill"></span>
      <label class="filter">Filter <input type="search" placeholder="id, type, host, state, tag" value=${text}
        onInput=${onFilter} /></label>
      <${StateButtons} all=${all} hidden=${hidden} onToggle=${toggle} />
      <${Button} label="Launch instances" class="primary" why=${disabledReason} onPress=${() => setLaunching(true)} />
    </div>
    <p role="alert" class="bad">${error}</p>
    ${shown.length > 0 && html`<table class="rows">
      <caption>Instances with their figures now and in the last minute</caption>
      <thead><tr>${COLUMNS.map(head)}<th scope="col">Actions</th></tr></thead>
      <tbody ref=${body}>${shown.map(row)}</tbody></table>`}
    ${!shown.length && html`<${Empty} any=${all.length > terminated} text=${text} terminated=${terminated} />`}
    ${launching && html`<${LaunchDialog} onClose=${() => setLaunching(false)} onLaunched=${onLaunched} />`}
  </article>`;
}

/**
 * A button for each state, pressed while its instances are shown.
 * @param {{ all: Instance[], hidden: Set<string>, onToggle: (state: string) => void }} props
 */
function StateButtons({ all, hidden, onToggle }) {
  /** @param {string} state */
  const countOf = (state) => all.filter((each) => each.state === state).length;
  const shown = STATES.filter((state) => state === "terminated" || countOf(state) || hidden.has(state));
  /** @param {string} state */
  const button = (state) => html`<button type="button" key=${state} aria-pressed=${!hidden.has(state)}
    onClick=${() => onToggle(state)}>${state === "terminated" ? "Show terminated" : state}${
      countOf(state) ? ` (${countOf(state)})` : ""
    }</button>`;
  return html`<span class="states" role="group" aria-label="States shown">${shown.map(button)}</span>`;
}

/** @param {{ column: TableColumn, sort: Sort, onPress: () => void }} props */
function Head({ column, sort, onPress }) {
  const on = sort.key === column.key;
  const arrow = on ? (sort.down ? " ▾" : " ▴") : "";
  return html`<th scope="col" aria-sort=${on ? (sort.down ? "descending" : "ascending") : undefined}>
    <button type="button" class="sort" onClick=${onPress}>${column.title}<span
      aria-hidden="true">${arrow}</span></button>
    ${EXPLAINED.has(column.title) && html` <${Term} name=${column.title}>?<//>`}</th>`;
}

/** @param {{ any: boolean, text: string, terminated: number }} props */
function Empty({ any, text, terminated }) {
  if (text) return html`<p class="quiet">No instance matches “${text}” (id, type, host, state, tags).</p>`;
  if (any)
    return html`<p class="quiet">All instances are in states that are hidden. Use the buttons above to show them.</p>`;
  const hidden = plural(terminated, "terminated instance is", "terminated instances are");
  return html`<div class="empty">
    <p>${terminated ? `No instances. ${hidden} hidden.` : "This cloud has no instances yet."}</p>
    <p class="quiet">Press “Launch instances”, or use the EC2 API:
      ${" "}<code>aws ec2 run-instances --image-id ami-… --instance-type t3.nano</code></p></div>`;
}
