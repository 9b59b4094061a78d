// The page: its bar, the place named by the address, and the strip of what happens.

import { html, render, useEffect } from "./lib/ui.js";
import { openSession } from "./lib/api.js";
import { startRouting } from "./lib/route.js";
import { VIEW_ONLY } from "./lib/may.js";
import { choose, current, put, startStream, useStore } from "./lib/store.js";
import { PAGES, pageOf } from "./pages.js";
import { Strip } from "./strip/strip.js";
import { Problem } from "./lib/problem.js";
import { Lazy } from "./lib/lazy.js";

const presenter = () => import("./presenter/presenter.js").then((all) => all.Presenter);
const presenterBar = () => import("./presenter/presenter.js").then((all) => all.PresenterBar);
const TABS = PAGES.filter((page) => page.tab);

function App() {
  const ready = useStore((state) => state.ready);
  const route = useStore((state) => state.route);
  const presenting = useStore((state) => state.presenting);
  const theme = useStore((state) => state.theme);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    document.documentElement.dataset.size = presenting ? "presenter" : "";
  }, [theme, presenting]);
  const [page, ...rest] = pageOf(route);
  useEffect(() => {
    document.title = `${page.title} · glasscloud`;
  }, [page]);
  return html`<a class="skip" href="#main">Skip to the page</a>
    ${presenting ? html`<${Lazy} load=${presenterBar} />` : html`<${Bar} page=${page} />`}
    <${Banner} />
    <main id="main" tabindex="-1">${
      !ready ? html`<p class="wait">Connecting to the cloud …</p>` : presenting ? html`<${Lazy} load=${presenter} />` : html`<${Lazy} load=${page.load} rest=${rest} />`
    }</main>
    ${ready && !presenting && html`<${Strip} />`}`;
}

function Bar({ page }) {
  const session = useStore((state) => state.session);
  const theme = useStore((state) => state.theme);
  const cloud = useStore((state) => state.cloud);
  return html`<header class="bar">
    <a class="brand" href="#/"><b>glass</b>cloud</a>
    <nav aria-label="Pages">${TABS.map(
      (tab) => html`<a href="#/${tab.path}" aria-current=${tab === page ? "page" : undefined}>${tab.title}</a>`,
    )}</nav>
    <span class="fill"></span>
    ${cloud && html`<span class="where">${cloud.name}, ${cloud.region}</span>`}
    ${session.may_act === false && html`<span class="readonly" title=${VIEW_ONLY}>view only</span>`}
    <button type="button" id="present" onClick=${() => put({ presenting: true, scene: 0, earlier: current().verdict?.id })}>Present</button>
    <button type="button" class="theme" onClick=${() => choose({ theme: NEXT[theme] })} aria-label="Colours: ${theme}; press for ${NEXT[theme]}">${GLYPH[theme]}</button>
  </header>`;
}

const NEXT = { auto: "dark", dark: "light", light: "auto" };
const GLYPH = { auto: "◐", dark: "●", light: "○" };

function Banner() {
  const away = useStore((state) => state.away);
  const answers = useStore((state) => state.answers);
  const refused = useStore((state) => state.session.refused);
  const text = away
    ? "Connection lost. You see the last known state. Reconnecting …"
    : answers && !answers.platform
      ? "The platform does not answer. You see the last known state of its instances."
      : answers && !answers.service
        ? "The search front end does not answer. Requests appear again when it does."
        : refused || "";
  return html`<div role="status" class="banner" hidden=${!text}>${text}</div>`;
}

startRouting();
startStream();
openSession().then(
  (session) => put({ session }),
  (error) => put({ session: { may_act: false, actions: [], refused: error.message } }),
);
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${Problem}><${App} /><//>`, root);
