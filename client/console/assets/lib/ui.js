// The only module that imports the vendored libraries: components, hooks, and `html` for templates.

import htm from "../vendor/htm-3.1.1/htm.module.js";
import { h } from "../vendor/htm-3.1.1/standalone.module.js";

export {
  render,
  Component,
  useState,
  useEffect,
  useLayoutEffect,
  useRef,
} from "../vendor/htm-3.1.1/standalone.module.js";

/**
 * Creates a template's elements anew each time. htm would cache elements without values and return the same objects
 * again. Each knows its parent, and through it every tree that was ever drawn: a page that is open for an hour would
 * keep them all.
 */
export const html = htm.bind(function (...parts) {
  // A number of 3 or more in this place tells htm not to cache the element.
  this[0] = 3;
  return h(...parts);
});
