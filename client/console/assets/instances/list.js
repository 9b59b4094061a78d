// Every instance with its live numbers; sorted and filtered as one likes; launched and acted on from here.

import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { plural } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { Word } from "../lib/words.js";
import { Button, READ_ONLY } from "./acting.js";
import { COLUMNS, matching, pressed, sorted } from "./columns.js";
import { minuteOf } from "./figures.js";
import { Launch } from "./launch.js";
import { Row } from "./row.js";

const EXPLAINED = new Set(["req/s", "p99"]);

export function List() {
  const instances = useStore((state) => state.instances);
  const seconds = useStore((state) => state.seconds);
  const session = useStore((state) => state.session);
  const [sort, sortBy] = useState({ key: "age", down: true });
  const [text, filter] = useState("");
  const [ended, showEnded] = useState(false);
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
  const shown = sorted(matching(all, text, ended), sort, (id) => minuteOf(seconds, id).now);
  const gone = all.filter((each) => each.state === "terminated").length;
  return html`<article class="page instances">
    <div class="top"><h1>Instances</h1><span class="quiet">${shown.length === all.length - (ended ? 0 : gone) ? plural(shown.length, "instance") : `${shown.length} of ${all.length} shown`}</span>
      <span class="fill"></span>
      <label class="find">Filter <input type="search" placeholder="id, type, host, state, tag" value=${text} onInput=${(event) => filter(event.target.value)} /></label>
      <button type="button" aria-pressed=${ended} onClick=${() => showEnded(!ended)}>Show terminated${gone ? ` (${gone})` : ""}</button>
      <${Button} label="Launch instances" class="primary" why=${session.may_act ? "" : READ_ONLY} onPress=${() => launch(true)} />
    </div>
    <p role="alert" class="bad">${said}</p>
    ${shown.length > 0 && html`<table class="rows"><caption>Instances and what they do now, with the last minute</caption>
      <thead><tr>${COLUMNS.map((column) => html`<${Head} key=${column.key} column=${column} sort=${sort} onPress=${() => sortBy(pressed(sort, column.key))} />`)}<th scope="col">Actions</th></tr></thead>
      <tbody ref=${body}>${shown.map((each) => html`<${Row} key=${each.id} instance=${each} seconds=${seconds} fresh=${fresh.includes(each.id)} say=${say} />`)}</tbody></table>`}
    ${!shown.length && html`<${Nothing} any=${all.length > 0} text=${text} gone=${gone} />`}
    ${launching && html`<${Launch} onClose=${() => launch(false)} onLaunched=${(ids) => {
      launch(false);
      filter("");
      born(ids);
    }} />`}
  </article>`;
}

function Head({ column, sort, onPress }) {
  const on = sort.key === column.key;
  const explained = EXPLAINED.has(column.title);
  return html`<th scope="col" aria-sort=${on ? (sort.down ? "descending" : "ascending") : undefined}>
    <button type="button" class="sort" onClick=${onPress}>${column.title}<span aria-hidden="true">${on ? (sort.down ? " ▾" : " ▴") : ""}</span></button>${explained && html` <${Word} name=${column.title}>?<//>`}</th>`;
}

function Nothing({ any, text, gone }) {
  if (text) return html`<p class="quiet">No instance has “${text}” in its id, type, host, state or tags.</p>`;
  return html`<div class="nothing"><p>${any ? `No instance is there now; ${plural(gone, "terminated one is", "terminated ones are")} not shown.` : "This cloud has no instances yet."}</p>
    <p class="quiet">Press “Launch instances”, or ask the EC2 API: <code>aws ec2 run-instances --image-id ami-… --instance-type t3.nano</code></p></div>`;
}
