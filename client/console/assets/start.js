// Loads the page. A browser breaks off what it loads when a network of its machine comes or goes, as those of containers
// do all the time here: then it is loaded again, a few times, instead of leaving an empty page.

const TRIES_MAX = 5;
const PAUSE_MS = 400;

const tries = Number(sessionStorage.getItem("glasscloud-tries") ?? 0);
import("./app.js").then(
  () => sessionStorage.removeItem("glasscloud-tries"),
  (error) => {
    if (tries >= TRIES_MAX) {
      sessionStorage.removeItem("glasscloud-tries");
      document.getElementById("app").textContent = `The console could not be loaded (${error.message}). Load this page again.`;
      return;
    }
    sessionStorage.setItem("glasscloud-tries", tries + 1);
    setTimeout(() => location.reload(), PAUSE_MS);
  },
);
