// Every page by the address's first part. A new page is one more line here and a file in pages/.

import { Hosts } from "./hosts/hosts.js";
import { Instances } from "./instances/instances.js";
import { Load } from "./load/load.js";
import { Nowhere } from "./nowhere.js";
import { Overview } from "./overview/overview.js";
import { Request } from "./request/page.js";
import { Share } from "./share/panel.js";

export const PAGES = [
  { path: "", title: "Overview", tab: true, view: Overview },
  { path: "instances", title: "Instances", tab: true, view: Instances },
  { path: "hosts", title: "Hosts", tab: true, view: Hosts },
  { path: "load", title: "Load", tab: true, view: Load },
  { path: "share", title: "Audience", tab: true, view: Share },
  { path: "request", title: "Request", view: Request },
];

const NOWHERE = { title: "No such page", view: Nowhere };

/** The page of a route, and what follows its name. */
export function pageOf(route = "") {
  const [first = "", ...rest] = route.split("/");
  const page = PAGES.find((each) => each.path === first) ?? NOWHERE;
  return [page, ...rest];
}
