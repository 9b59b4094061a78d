// A browser breaks off what it loads when a network of its machine comes or goes, as those of containers do all the time
// here: then everything is loaded again, a few times, instead of leaving an empty page.

const KEY = "glasscloud-tries";
const TRIES_MAX = 5;
const PAUSE_MS = 400;

/** Something could not be loaded: loads the page again, or says so after too many times. */
export function loadAgain(error) {
  const tries = Number(sessionStorage.getItem(KEY) ?? 0);
  if (tries < TRIES_MAX) {
    sessionStorage.setItem(KEY, tries + 1);
    setTimeout(() => location.reload(), PAUSE_MS);
    return;
  }
  loadedWell();
  document.getElementById("app").textContent = `The console could not be loaded (${error.message}). Load this page again.`;
}

/** Everything is there: the next failure is a first one. */
export const loadedWell = () => sessionStorage.removeItem(KEY);
