// @ts-check
// Runs a change of the load and shows its refusal; says why the load cannot be changed now.

import { useState } from "../lib/ui.js";
import { useDisabledReason } from "../lib/permission.js";
import { useStore } from "../lib/store.js";

/**
 * Returns [busy, error, run]. `run(busy, work)` shows the text `busy` until `work` has ended, then its error if it
 * failed.
 * @returns {[string, string, (busy: string, work: () => Promise<unknown>) => Promise<void>]}
 */
export function useLoadAction() {
  const [state, setState] = useState({ busy: "", error: "" });
  /** @param {string} busy @param {() => Promise<unknown>} work */
  const run = async (busy, work) => {
    setState({ busy, error: "" });
    try {
      await work();
      setState({ busy: "", error: "" });
    } catch (error) {
      setState({ busy: "", error: /** @type {Error} */ (error).message });
    }
  };
  return [state.busy, state.error, run];
}

/** Why the load cannot be changed now, as a sentence; empty if it can. */
export function useLoadDisabledReason() {
  const disabledReason = useDisabledReason();
  const experiment = useStore((state) => state.experiment);
  if (disabledReason || !experiment) return disabledReason;
  return `The ${experiment.title} is still being measured. The load cannot change until it ends.`;
}
