// @ts-check
// The page of an address that has none.

import { html } from "./lib/ui.js";
import { useStore } from "./lib/store.js";

export function NotFound() {
  const route = useStore((state) => state.route);
  return html`<article class="page"><h1>There is no page at <bdi>#/${route}</bdi></h1>
    <p><a href="#/">Go to the overview</a></p></article>`;
}
