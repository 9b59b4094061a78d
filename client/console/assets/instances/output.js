// What the instance's program printed, followed while it is looked at. It may hold secrets, so only who may act reads it.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useStore } from "../lib/store.js";
import { READ_ONLY } from "./acting.js";

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
  if (!may) return html`<p class="quiet">What a program prints may hold secrets; ${READ_ONLY}.</p>`;
  const scrolled = ({ target }) => (atEnd.current = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_PX);
  return html`<p class="quiet">${gone ? "It is terminated: what is not here now went with it." : "The last 64 KiB that its program printed, asked again every 2 s (GetConsoleOutput with Latest)."}</p>
    <p role="alert" class="bad">${!gone && told.error}</p>
    ${told.text === null ? !told.error && !gone && html`<p class="wait">Asking …</p>` : told.text ? html`<pre class="output" ref=${box} onScroll=${scrolled} tabindex="0" aria-label="Console output">${told.text}</pre>` : html`<p>It has printed nothing.</p>`}`;
}
