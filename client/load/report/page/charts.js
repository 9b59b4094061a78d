/* global uPlot */
// Draws the charts of a report with uPlot. Each chart is a figure: its data is in the table below it, the rest in
// `data-options`: `end` and `warmUp` in seconds, `marks` as [place on the x axis, label]. The page contains this file
// and the library as one script.

/** Colour, width and dash of each line, by the heading of its column. Other columns are not drawn. */
const LINES = {
  offered: ["--soft", 6], started: ["--blue", 2], completed: ["--green", 2, [7, 4]], dropped: ["--violet", 2, [2, 3]],
  failed: ["--red", 2], p50: ["--blue", 2], p90: ["--green", 2], p99: ["--orange", 2], max: ["--red", 2, [2, 3]],
  response: ["--blue", 3], service: ["--orange", 2, [7, 4]],
  "response p50": ["--green", 2], "response p99": ["--red", 2], "service p99": ["--blue", 2, [7, 4]],
};
const SHADES = 7;
const PRINT_WIDTH = 1000;
const PHONE_WIDTH = 500;
const RIGHT = 24;
/** Where percentile charts show the maximum, in nines behind their last percentile. */
const MAX_AT = 0.6;
const NAMED_PERCENTILES = ["0", "50", "90", "99", "99.9", "99.99", "99.999", "99.9999"];
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const number = (text) => (/\d/.test(text) ? parseFloat(text.replace(/[^\d.]/g, "")) : null);
const short = (value) => value.toLocaleString("en", { maximumFractionDigits: 3 });
/** The number of nines of a percentile: 0 for p0, 1 for p90, 2 for p99. */
const nines = (percent) => -Math.log10(1 - percent / 100);

function time(seconds, step) {
  if (step % 3600 === 0) return `${seconds / 3600} h`;
  return step % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** The table as columns: [{name, cells}]. */
function columnsOf(table) {
  const [head, ...rows] = [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent));
  return head.map((name, at) => ({ name, cells: rows.map((row) => row[at]) }));
}

/** The columns that are lines and have any value. */
const linesOf = (columns) =>
  columns.filter(({ name, cells }) => name in LINES && cells.some((text) => number(text) !== null));

/** Values of a line; on a logarithmic scale zero is a microsecond. */
const valuesOf = (column, log) =>
  column.cells.map((text) => number(text)).map((value) => (log && value === 0 ? 0.001 : value));

const axis = (more) => ({
  stroke: () => colour("--soft"), font: "13px system-ui, sans-serif", ticks: { show: false },
  grid: { stroke: () => colour("--line"), width: 1 }, ...more,
});
const labels = (unit) => (_, splits) => splits.map((value) => (value === null ? "" : `${short(value)}${unit}`));
const msAxis = () => axis({ size: 78, values: labels(" ms") });

/** A value in the legend; nothing while the pointer is elsewhere. */
const shown = (text) => (_, value, at, index) => (index === null ? "" : text(value, index));

function series(column, log, more) {
  const [name, width, dash] = LINES[column.name];
  return {
    label: column.name, stroke: () => colour(name), width, dash, points: { show: false }, alpha: width > 3 ? 0.5 : 1,
    value: shown((value) => (value === null ? "–" : short(value) + (log ? " ms" : "/s"))), ...more,
  };
}

/** Fills the space between two places on the x axis. */
function ground(u, from, to) {
  const [left, right] = [from, to].map((x) => u.valToPos(x, "x", true));
  u.ctx.fillStyle = colour("--line");
  u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
}

/** Draws labelled vertical lines. */
function markLines(u, marks) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--violet");
  ctx.lineWidth = 1.5 * ratio;
  ctx.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  for (const [at, label] of marks) {
    const x = u.valToPos(at, "x", true);
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(label, x, bbox.top - 5 * ratio);
  }
  ctx.restore();
}

/** A chart over time: lines that are level over each column. */
function overTime(columns, { end, warmUp, marks }, log) {
  const lines = linesOf(columns);
  const starts = columns[0].cells.map(Number);
  const twice = (values) => values.flatMap((value) => [value, value]);
  const edges = starts.flatMap((start, at) => [start, starts[at + 1] ?? end]);
  const timeLabels = (_, splits, at, space, step) => splits.map((each) => time(each, step));
  return {
    data: [edges, ...lines.map((line) => twice(valuesOf(line, log)))],
    scales: {
      x: { time: false, range: [0, end] },
      y: log ? { distr: 3 } : { range: (_, low, high) => [0, high * 1.08 || 1] },
    },
    axes: [axis({ incrs: TIME_STEPS, space: 60, values: timeLabels }), log ? msAxis() : axis({ size: 78 })],
    series: [{ label: "from", value: shown((seconds) => `${short(seconds)} s`) },
      ...lines.map((line) => series(line, log))],
    hooks: { drawClear: [(u) => ground(u, 0, Math.min(warmUp, end))], draw: [(u) => markLines(u, marks)] },
  };
}

function percentiles([names, ...lines]) {
  const percents = names.cells.slice(0, -1).map((name) => name.slice(1));
  const places = percents.map((percent) => nines(Number(percent)));
  const last = Math.max(1, places.at(-1));
  const named = NAMED_PERCENTILES.filter((percent) => nines(Number(percent)) <= last + 1e-9);
  const values = lines.map((line) => valuesOf(line, true));
  const dots = (u) => values.forEach((line, at) => {
    u.ctx.fillStyle = colour(LINES[lines[at].name][0]);
    u.ctx.beginPath();
    const [x, y] = [u.valToPos(last + MAX_AT, "x", true), u.valToPos(line.at(-1), "y", true)];
    u.ctx.arc(x, y, (7 - 2 * at) * devicePixelRatio, 0, 7);
    u.ctx.fill();
  });
  const all = values.flat().filter((value) => value !== null);
  const msRange = () => uPlot.rangeLog(Math.min(...all), Math.max(...all), 10, false);
  const label = (percent) => (innerWidth < PHONE_WIDTH && percent === "0" ? "" : `p${percent}`);
  return {
    data: [places, ...values.map((line) => line.slice(0, -1))],
    scales: { x: { time: false, range: [0, last + 1] }, y: { distr: 3, range: msRange } },
    axes: [axis({
      splits: () => [...named.map((percent) => nines(Number(percent))), last + MAX_AT],
      values: () => [...named.map(label), "max"],
    }), msAxis()],
    series: [{ label: "percentile", value: shown((_, index) => names.cells[index]) },
      ...lines.map((line) => series(line, true))],
    hooks: { draw: [dots] },
  };
}

/** Latency by rate, both on logarithmic scales. */
function sweep(columns, { marks }) {
  const lines = linesOf(columns);
  return {
    data: [valuesOf(columns[0]), ...lines.map((line) => valuesOf(line, true))],
    scales: { x: { time: false, distr: 3, range: (_, low, high) => [low / 1.1, high * 1.1] }, y: { distr: 3 } },
    axes: [axis({ values: labels("/s") }), msAxis()],
    series: [{ label: "offered", value: shown((rate) => `${short(rate)}/s`) },
      ...lines.map((line) => series(line, true, { points: { show: true, size: 6 } }))],
    hooks: { draw: [(u) => markLines(u, marks)] },
  };
}

/** The shade of a cell: 1 for a single request to `SHADES` for the most in any cell. */
function shade(count, most) {
  const share = Math.log(count) / Math.log(most);
  return most <= 1 ? SHADES : Math.min(SHADES, 1 + Math.trunc(SHADES * share - 1e-9));
}

function heat([starts, ...bands], { end, warmUp, marks, perDecade, most }) {
  const from = starts.cells.map(Number);
  const band = bands.map(({ name }) => Math.round(perDecade * Math.log10(number(name) * 1000)));
  const edge = (at) => 10 ** (at / perDecade) / 1000;
  const cells = (u) => {
    ground(u, 0, Math.min(warmUp, end));
    const shades = Array.from({ length: SHADES + 1 }, (_, level) => colour(`--heat${level}`));
    bands.forEach((row, at) => row.cells.forEach((text, n) => {
      if (!text) return;
      const [left, right] = [from[n], from[n + 1] ?? end].map((x) => Math.round(u.valToPos(x, "x", true)));
      const [top, bottom] = [edge(band[at] + 1), edge(band[at])].map((y) => Math.round(u.valToPos(y, "y", true)));
      u.ctx.fillStyle = shades[shade(number(text), most)];
      u.ctx.fillRect(left, top, Math.max(1, right - left), bottom - top);
    }));
  };
  const chart = overTime([starts], { end, warmUp: 0, marks }, true);
  const none = chart.data[0].map(() => null);
  return {
    ...chart, data: [chart.data[0], none], legend: { show: false }, cursor: { show: false },
    series: [{}, {}],
    scales: { ...chart.scales, y: { distr: 3, range: [edge(Math.min(...band)), edge(Math.max(...band) + 1)] } },
    axes: chart.axes.map((each) => ({ ...each, grid: { show: false } })),
    hooks: { ...chart.hooks, drawClear: [cells] },
  };
}

const rates = (columns, options) => overTime(columns, options, false);
const times = (columns, options) => overTime(columns, options, true);
const KINDS = { rates, times, percentiles, heat, sweep };

/** Draws the figure; the function that is returned draws it again, in this width or that of its place. */
function draw(figure) {
  const place = figure.querySelector(".plot");
  const columns = columnsOf(figure.querySelector("table"));
  const { data, ...options } = KINDS[figure.dataset.chart](columns, JSON.parse(figure.dataset.options));
  place.textContent = "";
  const stroke = (u, at) => `var(${LINES[u.series[at].label]?.[0]})`;
  const dashes = (u, at) => (u.series[at].dash ? (u.series[at].dash[0] < 5 ? "dotted" : "dashed") : "solid");
  const size = (width) => ({ width: width ?? place.clientWidth, height: innerWidth < PHONE_WIDTH ? 240 : 340 });
  const chart = new uPlot({
    padding: [22, RIGHT, 0, 0], legend: { markers: { width: 3, stroke, dash: dashes } },
    cursor: { y: false, drag: { x: false, y: false } }, ...options, ...size(),
  }, data, place);
  const redraw = (width) => chart.setSize(size(width));
  new ResizeObserver(() => {
    if (place.clientWidth !== chart.width && !document.documentElement.matches(".print")) redraw();
  }).observe(place);
  return redraw;
}

const charts = [...document.querySelectorAll("figure[data-chart]")].map(draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((redraw) => redraw()));
// On paper charts have light colours and the width of the sheet.
for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(event, () => {
    document.documentElement.classList.toggle("print", printing);
    charts.forEach((redraw) => redraw(printing ? PRINT_WIDTH : undefined));
  });
}
