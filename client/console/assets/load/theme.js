// @ts-check
// The page's colours and font for canvases, which style sheets do not reach.

/** The present value of that colour variable. @param {string} name */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * A font of that share of the page's font size, for a canvas with `ratio` pixels per CSS pixel.
 * @param {number} share
 */
export function font(share, ratio = 1) {
  const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return `${Math.round(size * share * ratio)}px system-ui, sans-serif`;
}

/**
 * Calls `draw` whenever the theme may have changed, until the returned function is called.
 * @param {() => void} draw
 */
export function onThemeChange(draw) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const attributes = new MutationObserver(draw);
  attributes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-size"] });
  dark.addEventListener("change", draw);
  return () => {
    attributes.disconnect();
    dark.removeEventListener("change", draw);
  };
}
