// The course of the run that goes on, or of the last one: asked for once as a whole, then only for what is new each second.

import { useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";

const EVERY_MS = 1000;
const TELL_S = 1;

/** The course as `/api/load/timeline` tells it, its columns put together; null until it is known. Pure. */
export function joined(before, news) {
  if (!news.number || news.whole || !before) return news;
  const columns = new Map(before.columns.map((column) => [column.began_s, column]));
  for (const column of news.columns) columns.set(column.began_s, column);
  return { ...news, columns: [...columns.values()] };
}

/** The columns that are told completely: those of the last moment are not yet, and the last of a run ends with it. Pure. */
export const settled = (course) =>
  course.over
    ? course.columns.filter((column) => column.began_s < course.elapsed_s).map((column) => ({ ...column, seconds: Math.min(column.seconds, course.elapsed_s - column.began_s) }))
    : course.columns.filter((column) => column.began_s + column.seconds <= course.elapsed_s - TELL_S);

export function useCourse(load) {
  const [course, set] = useState(null);
  const running = Boolean(load?.running);
  useEffect(() => {
    let timer = 0;
    let gone = false;
    let known = null;
    const look = async () => {
      const since = known?.number ? `?run=${known.number}&since=${known.elapsed_s}&column_s=${known.column_s}` : "";
      try {
        known = joined(known, await get(`/api/load/timeline${since}`));
        if (!gone) set(known);
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
  }, [running, load?.number, load?.last?.number]);
  return course;
}
