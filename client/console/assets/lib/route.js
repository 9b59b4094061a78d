// Where the page is, in the address's fragment: "#/instances/i-0a12". Links are ordinary links.

import { put } from "./store.js";

export function here() {
  const [path] = location.hash.replace(/^#\/?/, "").split("?");
  return path.split("/").filter(Boolean).map(decodeURIComponent);
}

export function startRouting() {
  // Another fragment, as of the link that skips to the page, leads to no other page.
  const look = () => /^#?$|^#\//.test(location.hash) && put({ route: here().join("/") });
  addEventListener("hashchange", look);
  look();
}

export const go = (path) => (location.hash = `#/${path}`);
