// The one door to the vendored libraries: components, hooks and `html` for templates.

import htm from "../vendor/htm-3.1.1/htm.module.js";
import { h } from "../vendor/htm-3.1.1/standalone.module.js";

export { render, Component, useState, useEffect, useLayoutEffect, useMemo, useRef } from "../vendor/htm-3.1.1/standalone.module.js";

/**
 * A template's elements, made anew each time. htm would keep those without values and hand the same ones out again; each
 * knows its parent, and through it every tree that was ever drawn since: a page that is open for an hour would hold them all.
 */
export const html = htm.bind(function (...parts) {
  this[0] = 3;
  return h(...parts);
});
