// What the instance's program printed, refreshed while it is open. It may hold secrets, so it needs the right to act.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { VIEW_ONLY } from "../lib/may.js";
import { useStore } from "../lib/store.js";

const EVERY_MS = 2000;
const NEAR_PX = 30;

export function Output({ instance }) {
  const session = useStore((state) => state.session);
  const [told, tell] = useState({ text: null, error: "" });
  const box = useRef(null);
  const atEnd = useRef(true);
  const may = session.may_act;
  const gone = instance.state === "terminated";
  useEffect(() => {
    if (!may || gone) return;
    let timer;
    let here = true;
    const look = async () => {
      try {
        const { text } = await get(`/api/instances/${instance.id}/console-output`);
        if (here) tell({ text, error: "" });
      } catch (error) {
        if (here) tell((before) => ({ ...before, error: error.message }));
      }
      if (here) timer = setTimeout(look, EVERY_MS);
    };
    look();
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [instance.id, may, gone]);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [told.text]);
  if (!may) return html`<p class="quiet">Program output may hold secrets. ${VIEW_ONLY}</p>`;
  const scrolled = ({ target }) => (atEnd.current = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_PX);
  return html`<p class="quiet">${gone ? "This instance is terminated. Its output is no longer updated." : "Last 64 KiB of program output, refreshed every 2 s."}</p>
    <p role="alert" class="bad">${!gone && told.error}</p>
    ${told.text === null ? !told.error && !gone && html`<p class="wait">Loading …</p>` : told.text ? html`<pre class="output" ref=${box} onScroll=${scrolled} tabindex="0" aria-label="Console output">${told.text}</pre>` : html`<p>No output yet.</p>`}`;
}
