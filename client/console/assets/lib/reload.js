// @ts-check
// Loads the page again when one of its files could not be loaded. Browsers break off requests when the computer's
// networks change (Chromium: net::ERR_NETWORK_CHANGED), and every container that starts or ends here changes them.

const KEY = "glasscloud-tries";
const TRIES_MAX = 5;
const PAUSE_MS = 400;
const STABLE_AFTER_MS = 5000;
let timer = 0;

/**
 * Loads the page again; after several attempts in a row, says that it could not be loaded.
 * @param {Error} error
 */
export function reloadPage(error) {
  clearTimeout(timer);
  const tries = Number(sessionStorage.getItem(KEY) ?? 0);
  if (tries < TRIES_MAX) {
    sessionStorage.setItem(KEY, String(tries + 1));
    setTimeout(() => location.reload(), PAUSE_MS);
    return;
  }
  sessionStorage.removeItem(KEY);
  const text = `The console could not be loaded (${error.message}). Load this page again.`;
  document.getElementById("app")?.replaceChildren(text);
}

/**
 * Counts attempts from zero once the page has been stable for a while; it may still miss a file that it loads later.
 */
export function pageLoaded() {
  timer = setTimeout(() => sessionStorage.removeItem(KEY), STABLE_AFTER_MS);
}
