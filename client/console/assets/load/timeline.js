// @ts-check
// The timeline of the current run, or of the last one: loaded once in full, then each second only what has changed.

import { useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { current, useStore } from "../lib/store.js";

const EVERY_MS = 1000;
/** All processes have reported a second's requests this long after its end. */
const COUNTED_AFTER_S = 1;

/**
 * The timeline after a response of `/api/load/timeline`. Pure.
 * @param {Timeline | null} before
 * @param {Timeline} news
 * @returns {Timeline}
 */
export function merged(before, news) {
  if (!news.number || news.whole || !before) return news;
  const columns = new Map(before.columns.map((column) => [column.began_s, column]));
  for (const column of news.columns) columns.set(column.began_s, column);
  return { ...news, columns: [...columns.values()] };
}

/**
 * The columns up to the first in which requests may still end; the last column of a run ends with the run. Pure.
 * @param {Timeline} timeline
 * @returns {Column[]}
 */
export function settled({ over, columns, elapsed_s, timeout_s }) {
  if (over) {
    const started = columns.filter((column) => column.began_s < elapsed_s);
    return started.map((column) => ({ ...column, seconds: Math.min(column.seconds, elapsed_s - column.began_s) }));
  }
  const open = columns.findIndex((column) => {
    const age_s = elapsed_s - column.began_s - column.seconds;
    const waiting = column.ok + column.failed < column.offered;
    return age_s < COUNTED_AFTER_S || (age_s < timeout_s + COUNTED_AFTER_S && waiting);
  });
  return open < 0 ? columns : columns.slice(0, open);
}

/** @type {Timeline | null} */
let last = null;

/**
 * The timeline of that load; while the page is frozen, as it was before.
 * @param {LoadRow} load
 * @returns {Timeline | null}
 */
export function useTimeline(load) {
  const [timeline, setTimeline] = useState(last);
  const running = Boolean(load?.running);
  const frozen = useStore((state) => Boolean(state.frozenAt));
  useEffect(() => {
    if (frozen) return undefined;
    let timer = 0;
    let gone = false;
    /** @type {Timeline | null} */
    let known = null;
    const update = async () => {
      const since = known?.number ? `?run=${known.number}&since=${known.elapsed_s}&column_s=${known.column_s}` : "";
      try {
        const news = await get(`/api/load/timeline${since}`);
        // The page may have been frozen during the request, before this component was drawn again.
        if (gone || current().frozenAt) return;
        known = last = merged(known, news);
        setTimeline(known);
      } catch {
        // The banner says that the console is away; the next update will succeed.
      }
      if (!gone && running) timer = setTimeout(update, EVERY_MS);
    };
    update();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [running, load?.number, load?.last?.number, frozen]);
  return timeline;
}
