// @ts-check
// Whether anything may be changed from this page now, and the sentence that says why not.

import { useStore } from "./store.js";

export const VIEW_ONLY = "This page is view-only. Open the link from glasscloud status to control it.";
const DISCONNECTED = "Connection lost. Wait until it is back.";

/** Why nothing can be changed now; empty if it can. */
export const useDisabledReason = () =>
  useStore((state) => (state.disconnected ? DISCONNECTED : state.session.can_act ? "" : VIEW_ONLY));
