// Every page by the address's first part. A new page is one more line here and a folder of its own, loaded when it is
// opened; only what is seen first comes with the rest.

import { Overview } from "./overview/overview.js";

export const PAGES = [
  { path: "", title: "Overview", tab: true, load: () => Promise.resolve(Overview) },
  { path: "instances", title: "Instances", tab: true, load: () => import("./instances/instances.js").then((all) => all.Instances) },
  { path: "hosts", title: "Hosts", tab: true, load: () => import("./hosts/hosts.js").then((all) => all.Hosts) },
  { path: "load", title: "Load", tab: true, load: () => import("./load/load.js").then((all) => all.Load) },
  { path: "share", title: "Audience", tab: true, load: () => import("./share/panel.js").then((all) => all.Share) },
  { path: "request", title: "Request", load: () => import("./request/page.js").then((all) => all.Request) },
];

const NOWHERE = { title: "No such page", load: () => import("./nowhere.js").then((all) => all.Nowhere) };

/** The page of a route, and what follows its name. */
export function pageOf(route = "") {
  const [first = "", ...rest] = route.split("/");
  const page = PAGES.find((each) => each.path === first) ?? NOWHERE;
  return [page, ...rest];
}
