// The page's colours and letters for drawings, which do not follow style sheets by themselves.

/** The colour of that name now. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Letters of that share of the page's own size, for a drawing whose pixels are `ratio` times as fine. */
export function font(share, ratio = 1) {
  return `${Math.round(parseFloat(getComputedStyle(document.documentElement).fontSize) * share * ratio)}px system-ui, sans-serif`;
}

/** Calls `draw` whenever the colours may have changed, until the function that it gives is called. */
export function onColours(draw) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const seen = new MutationObserver(draw);
  seen.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-size"] });
  dark.addEventListener("change", draw);
  return () => {
    seen.disconnect();
    dark.removeEventListener("change", draw);
  };
}
