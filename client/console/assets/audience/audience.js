// The audience's page: search, follow your request, and watch the cloud. It can do nothing else.

import { html, render } from "../lib/ui.js";
import { Problem } from "../lib/problem.js";
import { startStream, useStore } from "../lib/store.js";
import { Ask } from "./ask.js";
import { Live } from "./live.js";

function App() {
  const ready = useStore((state) => state.ready);
  const away = useStore((state) => state.away);
  const cloud = useStore((state) => state.cloud);
  return html`<header><h1><b>glass</b>cloud</h1>${cloud && html`<p>${cloud.stands_for}</p>`}</header>
    <div role="status" class="banner" hidden=${!away}>Connection to the trainer's computer lost: sharing has ended, too many phones are connected, or your network has changed. Reconnecting …</div>
    <main>${ready ? html`<${Ask} /><${Live} />` : html`<p class="quiet">Connecting …</p>`}</main>
    <footer>This page is for searching and watching. It can change nothing.</footer>`;
}

startStream();
render(html`<${Problem}><${App} /><//>`, document.getElementById("app"));
