// @ts-check
// A modal dialog: takes the focus, returns it when it closes; Escape closes it.

import { html, useEffect, useRef } from "./ui.js";

let count = 0;

/** @param {{ title: string, onClose: () => void, wide?: boolean, children?: unknown }} props */
export function Dialog({ title, onClose, wide, children }) {
  const box = useRef();
  const id = useRef(`dialog-${++count}`).current;
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  /** @param {Event} event */
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${box} class="dialog ${wide ? "wide" : ""}" aria-labelledby=${id} onCancel=${cancel}>
    <h2 id=${id}>${title}</h2>${children}</dialog>`;
}
