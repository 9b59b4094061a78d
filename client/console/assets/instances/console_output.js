// @ts-check
// The program's output, refreshed while it is shown. It may hold secrets, so it needs the key.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { VIEW_ONLY } from "../lib/permission.js";
import { useStore } from "../lib/store.js";

const EVERY_MS = 2000;
const NEAR_PX = 30;

/** @param {{ instance: Instance }} props */
export function ConsoleOutput({ instance }) {
  const session = useStore((state) => state.session);
  /** @type {{ text: string | null, error: string }} */
  const initial = { text: null, error: "" };
  const [{ text, error }, setOutput] = useState(initial);
  const box = useRef();
  const atEnd = useRef(true);
  const canAct = session.can_act;
  const terminated = instance.state === "terminated";
  useEffect(() => {
    if (!canAct || terminated) return;
    let timer = 0;
    let current = true;
    const update = async () => {
      try {
        const output = await get(`/api/instances/${instance.id}/console-output`);
        if (current) setOutput({ text: output.text, error: "" });
      } catch (failed) {
        const { message } = /** @type {Error} */ (failed);
        if (current) setOutput((before) => ({ ...before, error: message }));
      }
      if (current) timer = setTimeout(update, EVERY_MS);
    };
    update();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [instance.id, canAct, terminated]);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  if (!canAct) return html`<p class="quiet">Program output may hold secrets. ${VIEW_ONLY}</p>`;
  /** @param {any} event */
  const onScroll = ({ target }) =>
    (atEnd.current = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_PX);
  let output = text === "" && html`<p>No output yet.</p>`;
  if (text)
    output = html`<pre class="output" ref=${box} onScroll=${onScroll} tabindex="0"
      aria-label="Console output">${text}</pre>`;
  else if (text === null && !error && !terminated) output = html`<p class="wait">Loading …</p>`;
  return html`<p class="quiet">${
      terminated
        ? "This instance is terminated. Its output is no longer updated."
        : "Last 64 KiB of program output, refreshed every 2 s."
    }</p>
    <p role="alert" class="bad">${!terminated && error}</p>${output}`;
}
