// Folds what the stream tells into the board's sections, as client/console/board.py made them. Pure.

const TAILS = { seconds: 60, requests: 60, log: 150 };
const ROWS = new Set(["instances"]);

/** The sections of a new whole. Tails and rows become Maps by id, in their order. */
export function whole(data) {
  const sections = {};
  for (const [name, value] of Object.entries(data)) {
    sections[name] = ROWS.has(name) || name in TAILS ? new Map(value.map((row) => [row.id, row])) : value;
  }
  return sections;
}

/** The sections after a batch of changes; those that did not change are the same objects. */
export function changed(sections, batch) {
  const after = { ...sections };
  for (const [name, change] of Object.entries(batch)) {
    if (name === "now") after.now = change;
    else if (ROWS.has(name)) after[name] = rows(sections[name], change);
    else if (name in TAILS) after[name] = tail(sections[name], change, TAILS[name]);
    else after[name] = change.is;
  }
  return after;
}

function rows(before, { set, gone }) {
  const after = new Map(before);
  for (const id of gone) after.delete(id);
  for (const row of set) after.set(row.id, row);
  return after;
}

function tail(before, news, keep) {
  const after = new Map(before);
  for (const row of news) {
    after.set(row.id, row);
    // After each row, as the console does: a row that was dropped and comes again is the newest, not the oldest.
    if (after.size > keep) after.delete(after.keys().next().value);
  }
  return after;
}
