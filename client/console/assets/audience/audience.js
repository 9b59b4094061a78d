// @ts-check
// The audience's page: search, follow your request, and watch the cloud. It can change nothing.

import { html, render } from "../lib/ui.js";
import { ErrorBoundary } from "../lib/error_boundary.js";
import { startStream, useStore } from "../lib/store.js";
import { LiveView } from "./live_view.js";
import { SearchForm } from "./search_form.js";

const DISCONNECTED =
  "Connection to the presenter's computer lost: sharing has ended, too many phones are connected, or your network " +
  "has changed. Reconnecting …";

function App() {
  const ready = useStore((state) => state.ready);
  const disconnected = useStore((state) => state.disconnected);
  const cloud = useStore((state) => state.cloud);
  return html`<header><h1><b>glass</b>cloud</h1>${cloud && html`<p>${cloud.stands_for}</p>`}</header>
    <div role="status" class="banner" hidden=${!disconnected}>${DISCONNECTED}</div>
    <main>${ready ? html`<${SearchForm} /><${LiveView} />` : html`<p class="quiet">Connecting …</p>`}</main>
    <footer>This page is for searching and watching. It can change nothing.</footer>`;
}

startStream();
render(html`<${ErrorBoundary}><${App} /><//>`, /** @type {HTMLElement} */ (document.getElementById("app")));
