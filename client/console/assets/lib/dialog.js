// A dialog over the page: takes the focus, gives it back when it goes, and Escape closes it.

import { html, useEffect, useRef } from "./ui.js";

let numbers = 0;

export function Dialog({ title, onClose, wide, children }) {
  const box = useRef(null);
  const id = useRef(`dialog-${++numbers}`).current;
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    // Closing gives the focus back; all else is inert until then.
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${box} class="dialog ${wide ? "wide" : ""}" aria-labelledby=${id} onCancel=${(event) => {
    event.preventDefault();
    onClose();
  }}><h2 id=${id}>${title}</h2>${children}</dialog>`;
}
