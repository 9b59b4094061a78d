// The one door to the vendored library: components, hooks and `html` for templates.
export { html, render, Component, useState, useEffect, useLayoutEffect, useMemo, useRef } from "../vendor/htm-3.1.1/standalone.module.js";
