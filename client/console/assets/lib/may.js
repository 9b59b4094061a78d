// Whether anything may be changed from this page now, and the sentence that says why not.

import { useStore } from "./store.js";

export const VIEW_ONLY = "This page is view-only. Open the link from glasscloud status to control it.";
const LOST = "Connection lost. Wait until it is back.";

/** Why nothing can be changed now; empty when it can. */
export const useWhyNot = () => useStore((state) => (state.away ? LOST : state.session.may_act ? "" : VIEW_ONLY));
