// Every instance with its live numbers, to sort and filter; launched and acted on from here.

import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { plural } from "../lib/format.js";
import { useWhyNot } from "../lib/may.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";
import { Button } from "./acting.js";
import { COLUMNS, STATES, matching, pressed, sorted } from "./columns.js";
import { minuteOf } from "./figures.js";
import { Launch } from "./launch.js";
import { Row } from "./row.js";

const EXPLAINED = new Set(["req/s", "p99"]);

export function List() {
  const instances = useStore((state) => state.instances);
  const seconds = useStore((state) => state.seconds);
  const whyNot = useWhyNot();
  const [sort, sortBy] = useState({ key: "age", down: true });
  const [text, filter] = useState("");
  const [hidden, hide] = useState(new Set(["terminated"]));
  const [launching, launch] = useState(false);
  const [fresh, born] = useState([]);
  const [said, say] = useState("");
  const body = useRef(null);
  // The first new instance takes the focus as soon as the stream has told of it.
  const first = fresh.length && instances.has(fresh[0]) ? fresh[0] : null;
  useEffect(() => {
    if (first) body.current?.querySelector(`a[href="#/instances/${first}"]`)?.focus();
  }, [first]);
  const all = [...instances.values()];
  const shown = sorted(matching(all, text, hidden), sort, (id) => minuteOf(seconds, id).now);
  const gone = all.filter((each) => each.state === "terminated").length;
  const toggle = (state) => {
    const after = new Set(hidden);
    if (!after.delete(state)) after.add(state);
    hide(after);
  };
  return html`<article class="page instances">
    <div class="top"><h1>Instances</h1><span class="quiet">${shown.length === all.length - (hidden.has("terminated") ? gone : 0) ? plural(shown.length, "instance") : `${shown.length} of ${all.length} shown`}</span>
      <span class="fill"></span>
      <label class="find">Filter <input type="search" placeholder="id, type, host, state, tag" value=${text} onInput=${(event) => filter(event.target.value)} /></label>
      <${States} all=${all} hidden=${hidden} onToggle=${toggle} />
      <${Button} label="Launch instances" class="primary" why=${whyNot} onPress=${() => launch(true)} />
    </div>
    <p role="alert" class="bad">${said}</p>
    ${shown.length > 0 && html`<table class="rows"><caption>Instances with what they do now and in the last minute</caption>
      <thead><tr>${COLUMNS.map((column) => html`<${Head} key=${column.key} column=${column} sort=${sort} onPress=${() => sortBy(pressed(sort, column.key))} />`)}<th scope="col">Actions</th></tr></thead>
      <tbody ref=${body}>${shown.map((each) => html`<${Row} key=${each.id} instance=${each} seconds=${seconds} fresh=${fresh.includes(each.id)} say=${say} />`)}</tbody></table>`}
    ${!shown.length && html`<${Nothing} any=${all.length > gone} text=${text} gone=${gone} />`}
    ${launching && html`<${Launch} onClose=${() => launch(false)} onLaunched=${(ids) => {
      launch(false);
      filter("");
      born(ids);
    }} />`}
  </article>`;
}

/** A button for each state that there is, pressed while its instances are shown. */
function States({ all, hidden, onToggle }) {
  const many = (state) => all.filter((each) => each.state === state).length;
  const there = STATES.filter((state) => state === "terminated" || many(state) || hidden.has(state));
  return html`<span class="states" role="group" aria-label="States shown">${there.map(
    (state) => html`<button type="button" key=${state} aria-pressed=${!hidden.has(state)} onClick=${() => onToggle(state)}>${state === "terminated" ? "Show terminated" : state}${many(state) ? ` (${many(state)})` : ""}</button>`,
  )}</span>`;
}

function Head({ column, sort, onPress }) {
  const on = sort.key === column.key;
  const explained = EXPLAINED.has(column.title);
  return html`<th scope="col" aria-sort=${on ? (sort.down ? "descending" : "ascending") : undefined}>
    <button type="button" class="sort" onClick=${onPress}>${column.title}<span aria-hidden="true">${on ? (sort.down ? " ▾" : " ▴") : ""}</span></button>${explained && html` <${Word} name=${column.title}>?<//>`}</th>`;
}

function Nothing({ any, text, gone }) {
  if (text) return html`<p class="quiet">No instance matches “${text}” (id, type, host, state, tags).</p>`;
  if (any) return html`<p class="quiet">All instances are in states that are hidden. Use the buttons above to show them.</p>`;
  return html`<div class="nothing"><p>${gone ? `No instances. ${plural(gone, "terminated instance is", "terminated instances are")} hidden.` : "This cloud has no instances yet."}</p>
    <p class="quiet">Press “Launch instances”, or use the EC2 API: <code>aws ec2 run-instances --image-id ami-… --instance-type t3.nano</code></p></div>`;
}
