// Presenter mode: one scene at a time in large type, on the number keys; start over for the next group; freeze to explain.

import { html, useEffect, useState } from "../lib/ui.js";
import { post } from "../lib/api.js";
import { clock } from "../lib/format.js";
import { Lazy } from "../lib/lazy.js";
import { freeze, put, useStore } from "../lib/store.js";
import { Asked } from "../overview/asked.js";
import { Deeds } from "../overview/deeds.js";
import { Stage } from "../overview/stage.js";
import { Share } from "../share/panel.js";
import { PAGES } from "../pages.js";
import { SCENES } from "./scenes.js";

const mine = (request) => request.mine || request.source === "audience";

export function Presenter() {
  const scene = useStore((state) => state.scene);
  const slower = useStore((state) => state.slower);
  useKeys();
  const invited = useStore((state) => state.invited);
  const { title, say, stage, deeds, page } = SCENES[scene];
  const shown = page && PAGES.find((each) => each.path === page);
  if (invited) return html`<div class="presenter"><${Share} /></div>`;
  return html`<div class="presenter">
    <h1>${title}</h1>
    <p class="say">${say}${stage && slower > 1 && html` <b>${slower} × slower than life.</b>`}</p>
    ${stage && html`<${Stage} key=${stage} only=${stage === "mine" ? mine : undefined} />`}
    ${stage === "mine" && html`<${Asked} />`}
    ${deeds?.length > 0 && html`<${Deeds} show=${deeds} />`}
    ${shown && html`<${Lazy} load=${shown.load} rest=${[]} />`}
  </div>`;
}

/** The bar of presenter mode. */
export function PresenterBar() {
  const scene = useStore((state) => state.scene);
  const frozenAt = useStore((state) => state.frozenAt);
  const may = useStore((state) => state.session.may_act);
  const invited = useStore((state) => state.invited);
  const [over, tell] = useState("");
  const [working, work] = useState(false);
  // One bar takes the other's place: whoever came or leaves by key goes on from there, not from the page's top.
  useEffect(() => {
    document.getElementById("main").focus({ preventScroll: true });
    return () => requestAnimationFrame(() => document.getElementById("present")?.focus());
  }, []);
  const startOver = () => {
    tell("starting over …");
    work(true);
    post("/api/start-over")
      .then(({ seconds }) => tell(`started over in ${seconds.toFixed(1)} s`), (error) => tell(error.message))
      .finally(() => work(false));
  };
  return html`<header class="bar presenting">
    <nav aria-label="Scenes"><ol>${SCENES.map(
      (each, index) => html`<li><button type="button" aria-current=${index === scene ? "step" : undefined}
        aria-label="Scene ${index + 1}: ${each.title}" title=${each.title} onClick=${() => put({ scene: index, invited: false })}>${index + 1}</button></li>`,
    )}</ol></nav>
    <span class="fill"></span>
    <span role="status">${frozenAt ? html`<b class="frozen">frozen at ${clock(frozenAt)}</b>` : over}</span>
    <button type="button" aria-pressed=${Boolean(invited)} onClick=${() => put({ invited: !invited })}>Audience</button>
    <button type="button" disabled=${!may || working} title="Default fleet, same load and seed" onClick=${startOver}>Start over</button>
    <button type="button" aria-pressed=${Boolean(frozenAt)} title="Key f" onClick=${() => freeze(!frozenAt)}>Freeze</button>
    <button type="button" title="Key Escape" onClick=${leave}>Leave</button>
  </header>`;
}

export function leave() {
  freeze(false);
  put({ presenting: false, invited: false });
}

/** Number keys, f and Escape, unless somebody types. */
function useKeys() {
  const frozenAt = useStore((state) => state.frozenAt);
  useEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const field = event.target.closest?.("input, textarea, select, dialog");
      if (field) {
        // Whoever has asked, or does not want to, goes on with the scenes.
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
