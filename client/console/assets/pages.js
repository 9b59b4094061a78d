// @ts-check
// Every page, by the first part of the address. A new page is one entry here and a folder of its own, which is loaded
// when the page is opened; only the overview is loaded at the start.

import { Overview } from "./overview/overview.js";

/** @typedef {{ path?: string, title: string, tab?: boolean, load: () => Promise<unknown> }} Page */

const loadInstances = () => import("./instances/instances.js").then((all) => all.Instances);
const loadHosts = () => import("./hosts/hosts.js").then((all) => all.Hosts);
const loadLoad = () => import("./load/load.js").then((all) => all.Load);
const loadSharing = () => import("./share/sharing.js").then((all) => all.Sharing);
const loadRequest = () => import("./request/request.js").then((all) => all.Request);

/** @type {Page[]} */
export const PAGES = [
  { path: "", title: "Overview", tab: true, load: () => Promise.resolve(Overview) },
  { path: "instances", title: "Instances", tab: true, load: loadInstances },
  { path: "hosts", title: "Hosts", tab: true, load: loadHosts },
  { path: "load", title: "Load", tab: true, load: loadLoad },
  { path: "share", title: "Audience", tab: true, load: loadSharing },
  { path: "request", title: "Request", load: loadRequest },
];

/** @type {Page} */
const NOT_FOUND = { title: "No such page", load: () => import("./not_found.js").then((all) => all.NotFound) };

/** The page of a route, and the parts of the route after its name. */
export function pageOf(route = "") {
  const [first = "", ...rest] = route.split("/");
  return { page: PAGES.find((each) => each.path === first) ?? NOT_FOUND, rest };
}
