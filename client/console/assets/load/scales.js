// @ts-check
// The steps of a vertical scale: 1, 2 and 5 of each power of ten, so that its labels are short and exact. Pure.

const PARTS = [1, 2, 5];
const LABELS_MAX = 7;

/** The step at or below the value. @param {number} value */
export function stepBelow(value) {
  const power = Math.floor(Math.log10(value) + 1e-9);
  const part = value / 10 ** power;
  return exact(PARTS.findLast((each) => each <= part + 1e-9) ?? 1, power);
}

/** The step at or above the value. @param {number} value */
export function stepAbove(value) {
  const below = stepBelow(value);
  return below >= value * (1 - 1e-9) ? below : nextStep(below);
}

/**
 * The ends of a logarithmic scale for values from `low` to `high`, which are null without values.
 * @param {number | null} low
 * @param {number | null} high
 */
export function logRange(low, high) {
  const from = stepBelow((low ?? 1) * 0.9);
  return [from, Math.max(stepAbove((high ?? 100) * 1.1), from * 10)];
}

/**
 * The steps on a logarithmic scale: all, or if these are too many, the powers of ten.
 * @param {number} from
 * @param {number} to
 */
export function logSteps(from, to) {
  const steps = [];
  for (let step = stepAbove(from); step <= to * (1 + 1e-9); step = nextStep(step)) steps.push(step);
  if (steps.length <= LABELS_MAX) return steps;
  return steps.filter((step) => Math.abs(Math.log10(step) - Math.round(Math.log10(step))) < 1e-9);
}

/** The distances between the steps of an even scale. */
export const EVEN_STEPS = [-1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) => PARTS.map((part) => exact(part, power)));

/** A time with two digits at most: "0.5 ms", "20 ms", "2 s". @param {number} value */
export const shortTime = (value) => (value >= 1000 ? `${digits(value / 1000)} s` : `${digits(value)} ms`);

/** @param {number} value */
const digits = (value) => Number(value.toPrecision(2));

/** @param {number} part @param {number} power */
function exact(part, power) {
  return Number(`${part}e${power}`);
}

/** @param {number} step */
function nextStep(step) {
  const power = Math.floor(Math.log10(step) + 1e-9);
  const at = PARTS.indexOf(Math.round(step / 10 ** power));
  return at < PARTS.length - 1 ? exact(PARTS[at + 1], power) : exact(1, power + 1);
}
