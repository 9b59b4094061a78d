// The heat map: time to the right, response time upward on a logarithmic scale, darker where more requests took so long.

import { html, useEffect, useRef } from "../lib/ui.js";
import { useStore } from "../lib/store.js";
import { LEFT_PX, RIGHT_PX, STEPS_S, spanOf } from "./chart.js";
import { settled } from "./course.js";
import { colour, font, onColours } from "./colours.js";
import { HEADROOM_PX, clockOf, drawMarks, spoken } from "./marks.js";

const FAILED_PX = 6;
const BELOW_PX = 22;
const BANDS_MIN = 12;
const ALPHA_MIN = 0.15;
const TICKS_MS = [0.1, 1, 10, 100, 1000, 10000, 100000];

/** The bands that hold something, and a few more: [first, beyond the last]. Pure. */
export function bandsShown(columns, count) {
  let [first, beyond] = [count, 0];
  for (const { bands } of columns) {
    const lowest = bands.findIndex((n) => n > 0);
    if (lowest >= 0) [first, beyond] = [Math.min(first, lowest), Math.max(beyond, bands.length)];
  }
  if (first >= beyond) return [0, count];
  first = Math.max(0, first - 1);
  beyond = Math.min(count, Math.max(beyond + 1, first + BANDS_MIN));
  return [Math.max(0, Math.min(first, beyond - BANDS_MIN)), beyond];
}

export function Heat({ course }) {
  const canvas = useRef(null);
  const instances = useStore((state) => state.instances);
  const shown = useRef(null);
  shown.current = { course, marks: spoken(course.marks, instances) };
  useEffect(() => {
    const draw = () => canvas.current && paint(canvas.current, shown.current);
    const sized = new ResizeObserver(draw);
    sized.observe(canvas.current);
    const uncoloured = onColours(draw);
    return () => {
      sized.disconnect();
      uncoloured();
    };
  }, []);
  useEffect(() => paint(canvas.current, shown.current), [course]);
  return html`<figure class="chart"><figcaption><b>Heat map of response times</b> <span class="readout">one column per second; darker means more requests took that long; red on top: some failed</span></figcaption>
    <canvas ref=${canvas} class="heat" role="img" aria-label="Heat map of response times; the table below has the same figures"></canvas></figure>`;
}

function paint(canvas, { course, marks }) {
  const ratio = devicePixelRatio;
  const above = HEADROOM_PX + FAILED_PX;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.round(high * ratio);
  const context = canvas.getContext("2d");
  const frame = { left: LEFT_PX * ratio, right: (wide - RIGHT_PX) * ratio, top: above * ratio, bottom: (high - BELOW_PX) * ratio, ratio };
  const span = spanOf(course);
  const xOf = (seconds) => frame.left + (seconds / span) * (frame.right - frame.left);
  const columns = settled(course);
  const edges = course.bands_ms;
  const [first, beyond] = bandsShown(columns, edges.length - 1);
  const yOf = (band) => Math.round(frame.bottom - ((band - first) * (frame.bottom - frame.top)) / (beyond - first));
  context.fillStyle = colour("--panel");
  context.fillRect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
  cells(context, columns, { xOf, yOf, first, frame });
  axes(context, { xOf, yOf, edges, first, beyond, span, frame });
  drawMarks(context, marks, { ...frame, top: frame.top - FAILED_PX * ratio, xOf });
}

function cells(context, columns, { xOf, yOf, first, frame }) {
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

function axes(context, { xOf, yOf, edges, first, beyond, span, frame }) {
  const { ratio } = frame;
  context.font = font(0.8, ratio);
  context.fillStyle = colour("--soft");
  context.strokeStyle = colour("--line");
  context.lineWidth = ratio;
  context.textAlign = "right";
  context.textBaseline = "middle";
  const bandOf = (value) => Math.log(value / edges[0]) / Math.log(edges[1] / edges[0]);
  for (const tick of TICKS_MS) {
    const band = bandOf(tick);
    if (band < first || band > beyond) continue;
    context.fillText(tick >= 1000 ? `${tick / 1000} s` : `${tick} ms`, frame.left - 8 * ratio, yOf(band));
    line(context, frame.left, yOf(band), frame.right, yOf(band));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  const step = STEPS_S.find((each) => (each / span) * (frame.right - frame.left) >= 70 * ratio) ?? STEPS_S[STEPS_S.length - 1];
  for (let at = 0; at <= span; at += step) context.fillText(clockOf(at), xOf(at), frame.bottom + 5 * ratio);
}

function line(context, ...[fromX, fromY, toX, toY]) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}
