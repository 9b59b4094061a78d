// Presenter mode: one scene at a time in large type, on the number keys; start over for the next group; freeze to explain.

import { html, useEffect, useState } from "../lib/ui.js";
import { get, post } from "../lib/api.js";
import { clock, plural } from "../lib/format.js";
import { Lazy } from "../lib/lazy.js";
import { freeze, put, useStore } from "../lib/store.js";
import { Dialog } from "../lib/dialog.js";
import { useWhyNot } from "../lib/may.js";
import { Asked } from "../overview/asked.js";
import { Experiments } from "../overview/experiments.js";
import { Stage } from "../overview/stage.js";
import { Twin } from "../overview/twin.js";
import { Share } from "../share/panel.js";
import { PAGES } from "../pages.js";
import { SCENES } from "./scenes.js";

const mine = (request) => request.mine || request.source === "audience";

export function Presenter() {
  const scene = useStore((state) => state.scene);
  const slower = useStore((state) => state.slower);
  const earlier = useStore((state) => state.earlier);
  useKeys();
  const invited = useStore((state) => state.invited);
  const { title, say, stage, experiments, page } = SCENES[scene];
  const shown = page && PAGES.find((each) => each.path === page);
  if (invited) return html`<div class="presenter"><${Share} /></div>`;
  return html`<div class="presenter">
    <h1>${title}</h1>
    <p class="say">${say}${stage && slower > 1 && html` <b>Shown ${slower} times slower.</b>`}</p>
    ${stage && html`<${Stage} key=${stage} only=${stage === "mine" ? mine : undefined} />`}
    ${stage === "mine" && html`<${Asked} />`}
    ${experiments?.length > 0 && html`<${Experiments} show=${experiments} earlier=${earlier} />`}
    ${stage && html`<${Twin} />`}
    ${shown && html`<${Lazy} load=${shown.load} rest=${[]} />`}
  </div>`;
}

/** The bar of presenter mode. */
export function PresenterBar() {
  const scene = useStore((state) => state.scene);
  const frozenAt = useStore((state) => state.frozenAt);
  const whyNot = useWhyNot();
  const invited = useStore((state) => state.invited);
  const [over, tell] = useState("");
  const [working, work] = useState(false);
  const [ends, confirm] = useState([]);
  // One bar takes the other's place: the keyboard goes on from there, not from the page's top.
  useEffect(() => {
    document.getElementById("main").focus({ preventScroll: true });
    return () => requestAnimationFrame(() => document.getElementById("present")?.focus());
  }, []);
  const startOver = () => {
    confirm([]);
    tell("starting over …");
    work(true);
    post("/api/start-over")
      .then(({ seconds }) => tell(`started over in ${seconds.toFixed(1)} s`), (error) => tell(error.message))
      .finally(() => work(false));
  };
  // What people launched themselves is not ended unasked.
  const ask = () => get("/api/start-over").then(({ ends: own }) => (own.length ? confirm(own) : startOver()), (error) => tell(error.message));
  return html`<header class="bar presenting">
    <nav aria-label="Scenes"><ol>${SCENES.map(
      (each, index) => html`<li><button type="button" aria-current=${index === scene ? "step" : undefined}
        aria-label="Scene ${index + 1}: ${each.title}" title=${each.title} onClick=${() => put({ scene: index, invited: false })}>${index + 1}</button></li>`,
    )}</ol></nav>
    <span class="fill"></span>
    <span role="status">${frozenAt ? html`<b class="frozen">frozen at ${clock(frozenAt)}</b>` : over}</span>
    <button type="button" aria-pressed=${Boolean(invited)} onClick=${() => put({ invited: !invited })}>Audience</button>
    <button type="button" disabled=${Boolean(whyNot) || working} title=${whyNot || "The search service and its load as they were at first"} onClick=${ask}>Start over</button>
    <button type="button" aria-pressed=${Boolean(frozenAt)} title="Key f" onClick=${() => freeze(!frozenAt)}>Freeze</button>
    <button type="button" title="Key Escape" onClick=${leave}>Leave</button>
    ${ends.length > 0 && html`<${Dialog} title="Start over" onClose=${() => confirm([])}>
      <p>This deletes ${plural(ends.length, "instance that is", "instances that are")} not part of the search service:</p>
      <ul>${ends.map((each) => html`<li>${each.short}, ${each.type}${each.name && html` “<bdi>${each.name}</bdi>”`}</li>`)}</ul>
      <div class="ends"><button type="button" onClick=${() => confirm([])}>Cancel</button><button type="button" class="danger" onClick=${startOver}>Start over</button></div>
    <//>`}
  </header>`;
}

export function leave() {
  freeze(false);
  put({ presenting: false, invited: false });
}

/** Number keys, f and Escape, except while typing. */
function useKeys() {
  const frozenAt = useStore((state) => state.frozenAt);
  useEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const field = event.target.closest?.("input, textarea, select, dialog");
      if (field) {
        // After a search the keys belong to the scenes again.
        if (field.id === "ask" && (event.key === "Enter" || event.key === "Escape")) setTimeout(() => field.blur());
        return;
      }
      const number = Number(event.key);
      if (number >= 1 && number <= SCENES.length) put({ scene: number - 1, invited: false });
      else if (event.key === "f") freeze(!frozenAt);
      else if (event.key === "Escape") leave();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [frozenAt]);
}
