// One chart of the run's course: lines over time, told apart by colour and dash, with what happened as labelled lines.

import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { loadAgain } from "../lib/again.js";
import { useStore } from "../lib/store.js";
import { colour, font, onColours } from "./colours.js";
import { HEADROOM_PX, clockOf, drawMarks } from "./marks.js";
import { EVEN_STEPS, logRange, logSteps } from "./scales.js";

const LIBRARY = "/assets/vendor/uplot-1.6.32";
/** The drawings' left and right margins, pixels: the same for all, so that the same time stands at the same place. */
export const LEFT_PX = 70;
export const RIGHT_PX = 22;
const BELOW_PX = 32;
const LARGE_WIDTH = 2.5;
const SPAN_MIN_S = 30;
/** Steps between the times that stand below a drawing, seconds. */
export const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
let library = null;

/** The seconds that a course's drawings reach to. */
export const spanOf = (course) => Math.max(SPAN_MIN_S, course.elapsed_s);

/** Only this page draws charts, so only this page loads what draws them. */
function load() {
  library ??= Promise.all([import(`${LIBRARY}/uPlot.esm.js`), sheet(`${LIBRARY}/uPlot.min.css`)]).then(([module]) => module.default);
  return library;
}

function sheet(href) {
  return new Promise((onload, fail) => {
    const onerror = () => fail(new Error(`${href} could not be loaded`));
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload, onerror });
    document.head.append(link);
  });
}

/** `lines`: [{name, colour, dash, width, step, told}], `names`: what some are called now, `data`: the seconds, then each
    line's values. `log`: the scale is. */
export function Chart({ title, about, lines: thin, names = {}, data, marks, span, log = false, scale }) {
  // On a projector a thin line is none.
  const large = useStore((state) => state.presenting);
  const lines = large ? thin.map((line) => ({ ...line, width: Math.max(line.width, LARGE_WIDTH) })) : thin;
  const place = useRef(null);
  const chart = useRef(null);
  const shown = useRef({ data, marks, span });
  const [at, point] = useState(null);
  shown.current = { data, marks, span };
  useEffect(() => {
    let gone = false;
    let free = () => undefined;
    load().then((uPlot) => {
      if (gone) return;
      const made = new uPlot(options(uPlot, { lines, log, scale, shown, point, ...sizeOf(place.current) }), shown.current.data, place.current);
      chart.current = made;
      const sized = new ResizeObserver(() => place.current && made.setSize(sizeOf(place.current)));
      sized.observe(place.current);
      const uncoloured = onColours(() => made.redraw(false));
      free = () => {
        sized.disconnect();
        uncoloured();
        made.destroy();
      };
    }, loadAgain);
    return () => {
      gone = true;
      free();
      chart.current = null;
    };
  }, []);
  useEffect(() => chart.current?.setData(data), [data, marks]);
  const told = at === null || at >= data[0].length ? about : `${clockOf(data[0][at])}: ${lines.map((line, n) => `${line.name} ${line.told(data[n + 1][at])}`).join(", ")}`;
  return html`<figure class="chart"><figcaption><b>${title}</b> <span class="readout">${told}</span></figcaption>
    <${Legend} lines=${lines} names=${names} />
    <div class="plot" ref=${place} role="img" aria-label="${title}; the table below has the same figures"></div></figure>`;
}

const sizeOf = (place) => ({ width: place.clientWidth, height: place.clientHeight });

const Legend = ({ lines, names }) => html`<ul class="legend">${lines.map(
  (line) => html`<li><svg width="26" height="8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" stroke="var(${line.colour})" stroke-width=${line.width} stroke-dasharray=${line.dash?.join(" ")} /></svg> ${names[line.name] ?? line.name}</li>`,
)}</ul>`;

function options(uPlot, { lines, log, scale, shown, point, width, height }) {
  const axis = { stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line"), width: 1 }, font: font(0.8) };
  return {
    width,
    height,
    padding: [HEADROOM_PX, RIGHT_PX, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: false, range: () => [0, shown.current.span] }, y: log ? { distr: 3, range: (_, low, high) => logRange(low, high) } : { range: (_, low, high) => [0, Math.max(1, high ?? 0) * 1.1] } },
    axes: [
      { ...axis, size: BELOW_PX, space: 70, incrs: STEPS_S, values: (_, splits) => splits.map(clockOf) },
      { ...axis, size: LEFT_PX, ...(log ? { splits: (made, index, low, high) => logSteps(low, high), filter: (_, splits) => splits } : { incrs: EVEN_STEPS }), values: (_, splits) => splits.map(scale) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.name, stroke: () => colour(line.colour), width: line.width, dash: line.dash, points: { show: false }, spanGaps: false,
        ...(line.step ? { paths: uPlot.paths.stepped({ align: -1 }) } : {}),
      })),
    ],
    hooks: {
      draw: [
        (made) => {
          const { left, top, width: wide, height } = made.bbox;
          drawMarks(made.ctx, shown.current.marks, { xOf: (seconds) => made.valToPos(seconds, "x", true), left, right: left + wide, top, bottom: top + height, ratio: devicePixelRatio });
        },
      ],
      setCursor: [(made) => point(made.cursor.left < 0 ? null : (made.cursor.idx ?? null))],
    },
  };
}
