// @ts-check
// The page's route is the address's fragment: "#/instances/i-0a12". Links are ordinary links.

import { setState } from "./store.js";

function currentPath() {
  const [path] = location.hash.replace(/^#\/?/, "").split("?");
  return path.split("/").filter(Boolean).map(decodeURIComponent);
}

export function startRouting() {
  // Other fragments, such as that of the "skip to the page" link, do not change the route.
  const update = () => /^#?$|^#\//.test(location.hash) && setState({ route: currentPath().join("/") });
  addEventListener("hashchange", update);
  update();
}

/** @param {string} path */
export const go = (path) => (location.hash = `#/${path}`);
