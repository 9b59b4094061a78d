// Loads the page again when one of its files could not be loaded. Browsers break off requests when the computer's networks
// change (Chromium: net::ERR_NETWORK_CHANGED), and every container that starts or ends here changes them.

const KEY = "glasscloud-tries";
const TRIES_MAX = 5;
const PAUSE_MS = 400;
const WELL_AFTER_MS = 5000;

/** Loads the page again; after several attempts in a row, says that it could not be loaded. */
export function loadAgain(error) {
  clearTimeout(well);
  const tries = Number(sessionStorage.getItem(KEY) ?? 0);
  if (tries < TRIES_MAX) {
    sessionStorage.setItem(KEY, tries + 1);
    setTimeout(() => location.reload(), PAUSE_MS);
    return;
  }
  sessionStorage.removeItem(KEY);
  document.getElementById("app").textContent = `The console could not be loaded (${error.message}). Load this page again.`;
}

let well = 0;

/** Counts attempts from zero once the page has been well for a while; a file that it loads later may be missing, too. */
export function loadedWell() {
  well = setTimeout(() => sessionStorage.removeItem(KEY), WELL_AFTER_MS);
}
