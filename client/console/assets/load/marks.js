// @ts-check
// Events during a run, as labelled vertical lines in a chart.

import { colour, font } from "./theme.js";

const TEXT_MAX = 34;
const ROWS = 3;
const ROW_PX = 16;
const ID = /\bi-[0-9a-f]{17}\b/g;

/** Room above a chart for the labels, pixels. */
export const HEADROOM_PX = ROWS * ROW_PX + 6;

/** Seconds from the run's start as "1:05", or "1:02:05". Pure. @param {number} seconds */
export function clockOf(seconds) {
  const total = Math.max(0, Math.floor(seconds + 1e-6));
  const hour = Math.floor(total / 3600);
  const minute = Math.floor(total / 60) % 60;
  const second = String(total % 60).padStart(2, "0");
  return hour ? `${hour}:${String(minute).padStart(2, "0")}:${second}` : `${minute}:${second}`;
}

/**
 * The marks with short instance ids in their texts. Pure.
 * @param {Mark[]} marks
 * @param {Map<string, Instance>} instances
 */
export const withShortIds = (marks, instances) =>
  marks.map((mark) => ({ ...mark, text: mark.text.replace(ID, (id) => instances.get(id)?.short ?? id.slice(0, 6)) }));

/** @typedef {{ begin: number, end: number, minor: boolean }} Place */

/**
 * The row of each label: the first with room for it, -1 if none has. Major labels choose first. Pure.
 * @param {Place[]} places
 */
export function rowsFor(places) {
  const rows = Array.from({ length: ROWS }, () => /** @type {Place[]} */ ([]));
  const found = new Array(places.length).fill(-1);
  const order = places.map((_, n) => n).sort((a, b) => Number(places[a].minor) - Number(places[b].minor) || a - b);
  for (const n of order) {
    const { begin, end } = places[n];
    found[n] = rows.findIndex((row) => row.every((other) => end <= other.begin || other.end <= begin));
    if (found[n] >= 0) rows[found[n]].push(places[n]);
  }
  return found;
}

/**
 * Draws a dashed line for each mark, with its label above where there is room. Sizes are in pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {Mark[]} marks
 * @param {{ xOf: (seconds: number) => number, left: number, right: number, top: number, bottom: number,
 *   ratio: number }} frame
 */
export function drawMarks(context, marks, { xOf, left, right, top, bottom, ratio }) {
  /** @type {(Place & { text: string })[]} */
  const places = [];
  context.save();
  context.font = font(0.78, ratio);
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineWidth = ratio;
  for (const mark of marks) {
    const x = xOf(mark.at_s);
    if (!(x >= left && x <= right)) continue;
    context.setLineDash([4 * ratio, 3 * ratio]);
    context.strokeStyle = colour("--violet");
    context.beginPath();
    context.moveTo(x, top - 2 * ratio);
    context.lineTo(x, bottom);
    context.stroke();
    const text = mark.text.length > TEXT_MAX ? `${mark.text.slice(0, TEXT_MAX - 1)}…` : mark.text;
    const width = context.measureText(text).width;
    const begin = Math.max(left, Math.min(x - 2 * ratio, right - width));
    places.push({ text, begin, end: begin + width + 8 * ratio, minor: mark.minor });
  }
  context.fillStyle = colour("--violet");
  rowsFor(places).forEach((row, n) => {
    const y = top + ((row + 0.5) * ROW_PX - HEADROOM_PX + 2) * ratio;
    if (row >= 0) context.fillText(places[n].text, places[n].begin, y);
  });
  context.restore();
}
