// @ts-check
// The heat map: time to the right, response time upward on a logarithmic scale, darker where more requests took that
// long.

import { html, useEffect, useRef } from "../lib/ui.js";
import { useStore } from "../lib/store.js";
import { LEFT_PX, RIGHT_PX, STEPS_S, spanOf } from "./chart.js";
import { settled } from "./timeline.js";
import { colour, font, onThemeChange } from "./theme.js";
import { HEADROOM_PX, clockOf, drawMarks, withShortIds } from "./marks.js";

const FAILED_PX = 6;
const BELOW_PX = 22;
const BANDS_MIN = 12;
const ALPHA_MIN = 0.15;
const TICKS_MS = [0.1, 1, 10, 100, 1000, 10000, 100000];

/**
 * @typedef {{ left: number, right: number, top: number, bottom: number, ratio: number }} Frame
 * @typedef {(value: number) => number} Scale
 */

/**
 * The bands that hold requests, and a few more: [first, one after the last]. Pure.
 * @param {Column[]} columns
 * @param {number} count
 */
export function bandsShown(columns, count) {
  let [first, end] = [count, 0];
  for (const { bands } of columns) {
    const lowest = bands.findIndex((n) => n > 0);
    if (lowest >= 0) [first, end] = [Math.min(first, lowest), Math.max(end, bands.length)];
  }
  if (first >= end) return [0, count];
  first = Math.max(0, first - 1);
  end = Math.min(count, Math.max(end + 1, first + BANDS_MIN));
  return [Math.max(0, Math.min(first, end - BANDS_MIN)), end];
}

/** @param {{ timeline: Timeline }} props */
export function HeatMap({ timeline }) {
  const canvas = useRef();
  const instances = useStore((state) => state.instances);
  const shown = useRef();
  shown.current = { timeline, marks: withShortIds(timeline.marks, instances) };
  useEffect(() => {
    const draw = () => canvas.current && paint(canvas.current, shown.current);
    const resizes = new ResizeObserver(draw);
    resizes.observe(canvas.current);
    const stopTheme = onThemeChange(draw);
    return () => {
      resizes.disconnect();
      stopTheme();
    };
  }, []);
  useEffect(() => paint(canvas.current, shown.current), [timeline]);
  return html`<figure class="chart"><figcaption><b>Heat map of response times</b>${" "}
      <span class="readout">one column per second; darker means more requests took that long; red on top: some
        failed</span></figcaption>
    <canvas ref=${canvas} class="heat" role="img"
      aria-label="Heat map of response times; the table below has the same figures"></canvas></figure>`;
}

/** @param {HTMLCanvasElement} canvas @param {{ timeline: Timeline, marks: Mark[] }} shown */
function paint(canvas, { timeline, marks }) {
  const ratio = devicePixelRatio;
  const above = HEADROOM_PX + FAILED_PX;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.round(high * ratio);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const right = (wide - RIGHT_PX) * ratio;
  const frame = { left: LEFT_PX * ratio, right, top: above * ratio, bottom: (high - BELOW_PX) * ratio, ratio };
  const span = spanOf(timeline);
  /** @type {Scale} */
  const xOf = (seconds) => frame.left + (seconds / span) * (frame.right - frame.left);
  const columns = settled(timeline);
  const edges = timeline.bands_ms;
  const [first, end] = bandsShown(columns, edges.length - 1);
  /** @type {Scale} */
  const yOf = (band) => Math.round(frame.bottom - ((band - first) * (frame.bottom - frame.top)) / (end - first));
  context.fillStyle = colour("--panel");
  context.fillRect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
  drawCells(context, columns, { xOf, yOf, first, frame });
  drawAxes(context, { xOf, yOf, edges, first, end, span, frame });
  drawMarks(context, marks, { ...frame, top: frame.top - FAILED_PX * ratio, xOf });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Column[]} columns
 * @param {{ xOf: Scale, yOf: Scale, first: number, frame: Frame }} scales
 */
function drawCells(context, columns, { xOf, yOf, first, frame }) {
  const most = Math.max(1, ...columns.map((column) => Math.max(0, ...column.bands)));
  const full = Math.log1p(most);
  for (const column of columns) {
    const x = Math.round(xOf(column.began_s));
    const width = Math.max(1, Math.round(xOf(column.began_s + column.seconds)) - x);
    context.fillStyle = colour("--search");
    for (let band = first; band < column.bands.length; band++) {
      if (!column.bands[band]) continue;
      context.globalAlpha = ALPHA_MIN + (1 - ALPHA_MIN) * (Math.log1p(column.bands[band]) / full);
      context.fillRect(x, yOf(band + 1), width, yOf(band) - yOf(band + 1));
    }
    context.globalAlpha = 1;
    if (column.failed) {
      context.fillStyle = colour("--red");
      context.fillRect(x, frame.top - FAILED_PX * frame.ratio, width, (FAILED_PX - 1) * frame.ratio);
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ xOf: Scale, yOf: Scale, edges: number[], first: number, end: number, span: number, frame: Frame }} scales
 */
function drawAxes(context, { xOf, yOf, edges, first, end, span, frame }) {
  const { ratio } = frame;
  context.font = font(0.8, ratio);
  context.fillStyle = colour("--soft");
  context.strokeStyle = colour("--line");
  context.lineWidth = ratio;
  context.textAlign = "right";
  context.textBaseline = "middle";
  /** @type {Scale} */
  const bandOf = (value) => Math.log(value / edges[0]) / Math.log(edges[1] / edges[0]);
  for (const tick of TICKS_MS) {
    const band = bandOf(tick);
    if (band < first || band > end) continue;
    const y = yOf(band);
    context.fillText(tick >= 1000 ? `${tick / 1000} s` : `${tick} ms`, frame.left - 8 * ratio, y);
    context.beginPath();
    context.moveTo(frame.left, y);
    context.lineTo(frame.right, y);
    context.stroke();
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  const wide = frame.right - frame.left;
  const step = STEPS_S.find((each) => (each / span) * wide >= 70 * ratio) ?? STEPS_S[STEPS_S.length - 1];
  for (let at = 0; at <= span; at += step) context.fillText(clockOf(at), xOf(at), frame.bottom + 5 * ratio);
}
