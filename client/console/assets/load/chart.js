// @ts-check
// One chart over a run's time: lines that differ in colour and dash, with events as labelled vertical lines.

import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { reloadPage } from "../lib/reload.js";
import { useStore } from "../lib/store.js";
import { colour, font, onThemeChange } from "./theme.js";
import { HEADROOM_PX, clockOf, drawMarks } from "./marks.js";
import { EVEN_STEPS, logRange, logSteps } from "./scales.js";

const LIBRARY = "/assets/vendor/uplot-1.6.32";
/** Left and right margins, the same for all charts, so that the same time is at the same place. */
export const LEFT_PX = 70;
export const RIGHT_PX = 22;
const BELOW_PX = 32;
const LARGE_WIDTH = 2.5;
const SPAN_MIN_S = 30;
/** Steps between the times below a chart, seconds. */
export const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

/**
 * @typedef {{ name: string, colour: string, width: number, dash?: number[], step?: boolean,
 *   format: (value: Figure) => string }} Line
 * @typedef {Figure[][]} Data the seconds, then each line's values
 * @typedef {{ data: Data, marks: Mark[], span: number }} Shown
 */

/** The seconds that the charts of a run cover. @param {Timeline} timeline */
export const spanOf = (timeline) => Math.max(SPAN_MIN_S, timeline.elapsed_s);

/** @type {Promise<any> | null} */
let library = null;

/** The chart library is loaded with the first chart. */
function loadLibrary() {
  const module = () => import(`${LIBRARY}/uPlot.esm.js`);
  library ??= Promise.all([module(), loadStyles(`${LIBRARY}/uPlot.min.css`)]).then(([{ default: uPlot }]) => uPlot);
  return library;
}

/** @param {string} href */
function loadStyles(href) {
  return new Promise((onload, fail) => {
    const onerror = () => fail(new Error(`${href} could not be loaded`));
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload, onerror });
    document.head.append(link);
  });
}

/**
 * `names`: names of lines that differ now. `log`: whether the scale is logarithmic. The chart is drawn again when
 * `version` changes.
 * @param {Shown & { title: string, about: string, lines: Line[], names?: Record<string, string>, log?: boolean,
 *   scale: (value: number) => string, version: unknown }} props
 */
export function Chart({ title, about, lines: thin, names = {}, data, marks, span, log = false, scale, version }) {
  // On a projector a thin line is hard to see.
  const large = useStore((state) => state.presenting);
  const lines = large ? thin.map((line) => ({ ...line, width: Math.max(line.width, LARGE_WIDTH) })) : thin;
  const place = useRef();
  const chart = useRef();
  const shown = useRef({ data, marks, span });
  const [index, setIndex] = useState(/** @type {number | null} */ (null));
  shown.current = { data, marks, span };
  useEffect(() => {
    let gone = false;
    let free = () => {};
    loadLibrary().then((uPlot) => {
      if (gone) return;
      const settings = options(uPlot, { lines, log, scale, shown, onPoint: setIndex, ...sizeOf(place.current) });
      const plot = (chart.current = new uPlot(settings, shown.current.data, place.current));
      const resizes = new ResizeObserver(() => place.current && plot.setSize(sizeOf(place.current)));
      resizes.observe(place.current);
      const stopTheme = onThemeChange(() => plot.redraw(false));
      free = () => {
        resizes.disconnect();
        stopTheme();
        plot.destroy();
      };
    }, reloadPage);
    return () => {
      gone = true;
      free();
      chart.current = null;
    };
  }, []);
  useEffect(() => chart.current?.setData(data), [version]);
  return html`<figure class="chart">
    <figcaption><b>${title}</b> <span class="readout">${readout(index, lines, data) ?? about}</span></figcaption>
    <${Legend} lines=${lines} names=${names} />
    <div class="plot" ref=${place} role="img" aria-label="${title}; the table below has the same figures"></div>
  </figure>`;
}

/**
 * The values under the pointer; null if it is not over the chart.
 * @param {number | null} index
 * @param {Line[]} lines
 * @param {Data} data
 */
function readout(index, lines, data) {
  if (index === null || index >= data[0].length) return null;
  const values = lines.map((line, n) => `${line.name} ${line.format(data[n + 1][index])}`);
  return `${clockOf(data[0][index] ?? 0)}: ${values.join(", ")}`;
}

/** @param {HTMLElement} place */
const sizeOf = (place) => ({ width: place.clientWidth, height: place.clientHeight });

/** @param {{ lines: Line[], names: Record<string, string> }} props */
function Legend({ lines, names }) {
  /** @param {Line} line */
  const item = (line) => html`<li><svg width="26" height="8" aria-hidden="true">
    <line x1="0" x2="26" y1="4" y2="4" stroke="var(${line.colour})" stroke-width=${line.width}
      stroke-dasharray=${line.dash?.join(" ")} /></svg> ${names[line.name] ?? line.name}</li>`;
  return html`<ul class="legend">${lines.map(item)}</ul>`;
}

/**
 * @param {any} uPlot
 * @param {{ lines: Line[], log: boolean, scale: (value: number) => string, shown: { current: Shown },
 *   onPoint: (index: number | null) => void, width: number, height: number }} chart
 */
function options(uPlot, { lines, log, scale, shown, onPoint, width, height }) {
  const grid = { stroke: () => colour("--line"), width: 1 };
  const axis = { stroke: () => colour("--soft"), grid, ticks: grid, font: font(0.8) };
  /** @param {unknown} _ @param {number} low @param {number} high */
  const evenRange = (_, low, high) => [0, Math.max(1, high ?? 0) * 1.1];
  /** @param {unknown} _ @param {number} low @param {number} high */
  const logarithmicRange = (_, low, high) => logRange(low, high);
  /** @param {unknown} _ @param {number[]} splits */
  const keepAll = (_, splits) => splits;
  /** @param {unknown} _ @param {number} index @param {number} low @param {number} high */
  const logSplits = (_, index, low, high) => logSteps(low, high);
  /** @param {unknown} _ @param {number[]} splits */
  const times = (_, splits) => splits.map(clockOf);
  /** @param {unknown} _ @param {number[]} splits */
  const values = (_, splits) => splits.map(scale);
  /** @param {any} plot */
  const draw = (plot) => {
    const { left, top, width: wide, height: high } = plot.bbox;
    /** @param {number} seconds */
    const xOf = (seconds) => plot.valToPos(seconds, "x", true);
    const box = { left, right: left + wide, top, bottom: top + high, ratio: devicePixelRatio };
    drawMarks(plot.ctx, shown.current.marks, { ...box, xOf });
  };
  /** @param {Line} line */
  const series = (line) => ({
    label: line.name,
    stroke: () => colour(line.colour),
    width: line.width,
    dash: line.dash,
    points: { show: false },
    spanGaps: false,
    ...(line.step ? { paths: uPlot.paths.stepped({ align: -1 }) } : {}),
  });
  return {
    width,
    height,
    padding: [HEADROOM_PX, RIGHT_PX, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: () => [0, shown.current.span] },
      y: log ? { distr: 3, range: logarithmicRange } : { range: evenRange },
    },
    axes: [
      { ...axis, size: BELOW_PX, space: 70, incrs: STEPS_S, values: times },
      { ...axis, size: LEFT_PX, ...(log ? { splits: logSplits, filter: keepAll } : { incrs: EVEN_STEPS }), values },
    ],
    series: [{}, ...lines.map(series)],
    hooks: {
      draw: [draw],
      setCursor: [(/** @type {any} */ { cursor }) => onPoint(cursor.left < 0 ? null : (cursor.idx ?? null))],
    },
  };
}
