// @ts-check
// The page: its bar, the view that the address names, and the event log.

import { html, render, useEffect } from "./lib/ui.js";
import { openSession } from "./lib/api.js";
import { startRouting } from "./lib/route.js";
import { VIEW_ONLY } from "./lib/permission.js";
import { choose, current, setState, startStream, useStore } from "./lib/store.js";
import { PAGES, pageOf } from "./pages.js";
import { EventLog } from "./events/event_log.js";
import { ErrorBoundary } from "./lib/error_boundary.js";
import { Lazy } from "./lib/lazy.js";

const loadPresenter = () => import("./presenter/presenter.js").then((all) => all.Presenter);
const loadPresenterBar = () => import("./presenter/presenter.js").then((all) => all.PresenterBar);
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
  const { page, rest } = pageOf(route);
  useEffect(() => {
    document.title = `${page.title} · glasscloud`;
  }, [page]);
  return html`<a class="skip" href="#main">Skip to the page</a>
    ${presenting ? html`<${Lazy} load=${loadPresenterBar} />` : html`<${Bar} page=${page} />`}
    <${Banner} />
    <main id="main" tabindex="-1">${
      !ready
        ? html`<p class="wait">Connecting to the cloud …</p>`
        : presenting
          ? html`<${Lazy} load=${loadPresenter} />`
          : html`<${Lazy} load=${page.load} rest=${rest} />`
    }</main>
    ${ready && !presenting && html`<${EventLog} />`}`;
}

/** @param {{ page: import("./pages.js").Page }} props */
function Bar({ page }) {
  const session = useStore((state) => state.session);
  const theme = useStore((state) => state.theme);
  const cloud = useStore((state) => state.cloud);
  const present = () => setState({ presenting: true, scene: 0, earlierResult: current().verdict?.id });
  return html`<header class="bar">
    <a class="brand" href="#/"><b>glass</b>cloud</a>
    <nav aria-label="Pages">${TABS.map(
      (tab) => html`<a href="#/${tab.path}" aria-current=${tab === page ? "page" : undefined}>${tab.title}</a>`,
    )}</nav>
    <span class="fill"></span>
    ${cloud && html`<span class="cloud-name">${cloud.name}, ${cloud.region}</span>`}
    ${session.can_act === false && html`<span class="view-only" title=${VIEW_ONLY}>view only</span>`}
    <button type="button" id="present" onClick=${present}>Present</button>
    <button type="button" class="theme" onClick=${() => choose({ theme: NEXT_THEME[theme] })}
      aria-label="Colours: ${theme}; press for ${NEXT_THEME[theme]}">${THEME_SYMBOL[theme]}</button>
  </header>`;
}

const NEXT_THEME = /** @type {const} */ ({ auto: "dark", dark: "light", light: "auto" });
const THEME_SYMBOL = { auto: "◐", dark: "●", light: "○" };

function Banner() {
  const disconnected = useStore((state) => state.disconnected);
  const reachable = useStore((state) => state.reachable);
  const refused = useStore((state) => state.session.refused);
  let text = refused || "";
  if (disconnected) text = "Connection lost. You see the last known state. Reconnecting …";
  else if (reachable && !reachable.platform)
    text = "The platform does not respond. You see the last known state of its instances.";
  else if (reachable && !reachable.service)
    text = "The search front end does not respond. Requests appear again when it does.";
  return html`<div role="status" class="banner" hidden=${!text}>${text}</div>`;
}

startRouting();
startStream();
openSession().then(
  (session) => setState({ session }),
  (error) => setState({ session: { can_act: false, refused: error.message } }),
);
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${ErrorBoundary}><${App} /><//>`, root);
