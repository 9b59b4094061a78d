// The course of the run that goes on, or of the last one: asked for once as a whole, then only for what is new each second.

import { useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { current, useStore } from "../lib/store.js";

const EVERY_MS = 1000;
const TELL_S = 1;

/** The course as `/api/load/timeline` tells it, its columns put together; null until it is known. Pure. */
export function joined(before, news) {
  if (!news.number || news.whole || !before) return news;
  const columns = new Map(before.columns.map((column) => [column.began_s, column]));
  for (const column of news.columns) columns.set(column.began_s, column);
  return { ...news, columns: [...columns.values()] };
}

/** The columns that are told completely, until the first of which some requests may still end; the last of a run ends with it. Pure. */
export function settled(course) {
  if (course.over) return course.columns.filter((column) => column.began_s < course.elapsed_s).map((column) => ({ ...column, seconds: Math.min(column.seconds, course.elapsed_s - column.began_s) }));
  const open = course.columns.findIndex((column) => {
    const age_s = course.elapsed_s - column.began_s - column.seconds;
    return age_s < TELL_S || (age_s < course.timeout_s + TELL_S && column.ok + column.failed < column.offered);
  });
  return open < 0 ? course.columns : course.columns.slice(0, open);
}

let last = null;

/** The course of that load; while all is frozen it stands as it was known last. */
export function useCourse(load) {
  const [course, set] = useState(last);
  const running = Boolean(load?.running);
  const frozen = useStore((state) => Boolean(state.frozenAt));
  useEffect(() => {
    if (frozen) return undefined;
    let timer = 0;
    let gone = false;
    let known = null;
    const look = async () => {
      const since = known?.number ? `?run=${known.number}&since=${known.elapsed_s}&column_s=${known.column_s}` : "";
      try {
        const news = await get(`/api/load/timeline${since}`);
        // It may have been frozen since it was asked for, and not drawn so yet.
        if (gone || current().frozenAt) return;
        known = last = joined(known, news);
        set(known);
      } catch {
        // The banner says that the console is away; the next look will tell.
      }
      if (!gone && running) timer = setTimeout(look, EVERY_MS);
    };
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [running, load?.number, load?.last?.number, frozen]);
  return course;
}
