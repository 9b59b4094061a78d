// @ts-check
// Applies the stream's snapshots and batches to the sections, as client/console/state.py defines them. Pure.

/** @type {Record<string, number>} How many rows each tail keeps. */
const TAILS = { seconds: 60, requests: 60, log: 150 };
const ROW_SETS = new Set(["instances"]);

/** @typedef {{ id: string | number }} Row */
/** @typedef {Map<string | number, Row>} Rows */

/**
 * The sections of a snapshot. Tails and row sets become Maps by id, in their order.
 * @param {Record<string, any>} snapshot
 */
export function fromSnapshot(snapshot) {
  /** @type {Record<string, any>} */
  const sections = {};
  for (const [name, value] of Object.entries(snapshot)) {
    const rows = ROW_SETS.has(name) || name in TAILS;
    sections[name] = rows ? new Map(value.map((/** @type {Row} */ row) => [row.id, row])) : value;
  }
  return sections;
}

/**
 * The sections after a batch of changes; unchanged ones are the same objects.
 * @param {Record<string, any>} sections
 * @param {Record<string, any>} batch
 */
export function applyBatch(sections, batch) {
  const after = { ...sections };
  for (const [name, change] of Object.entries(batch)) {
    if (name === "now") after.now = change;
    else if (ROW_SETS.has(name)) after[name] = changedRows(sections[name], change);
    else if (name in TAILS) after[name] = extendedTail(sections[name], change, TAILS[name]);
    else after[name] = change.is;
  }
  return after;
}

/** @param {Rows} before @param {{ set: Row[], gone: string[] }} change */
function changedRows(before, { set, gone }) {
  const after = new Map(before);
  for (const id of gone) after.delete(id);
  for (const row of set) after.set(row.id, row);
  return after;
}

/** @param {Rows} before @param {Row[]} news @param {number} keep */
function extendedTail(before, news, keep) {
  const after = new Map(before);
  for (const row of news) {
    after.set(row.id, row);
    // After each row, as the console does: a row that was dropped and comes again is the newest, not the oldest.
    const [oldest] = after.keys();
    if (after.size > keep) after.delete(oldest);
  }
  return after;
}
