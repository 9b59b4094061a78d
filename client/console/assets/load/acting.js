// Asking for something and saying what came of it; and why a person may not ask.

import { useState } from "../lib/ui.js";
import { useStore } from "../lib/store.js";

/** `[busy, said, act]`: act(promise-giving function) runs it, and `said` is the console's sentence where it refused. */
export function useActing() {
  const [state, set] = useState({ busy: "", said: "" });
  const act = async (busy, work) => {
    set({ busy, said: "" });
    try {
      await work();
      set({ busy: "", said: "" });
    } catch (error) {
      set({ busy: "", said: error.message });
    }
  };
  return [state.busy, state.said, act];
}

/** Why the load cannot be changed now, as a sentence; empty when it can. */
export function useHindrance() {
  const session = useStore((state) => state.session);
  const experiment = useStore((state) => state.experiment);
  if (!session.may_act) return "This page may only look: open the address that glasscloud status prints to act.";
  return experiment ? `The ${experiment.kind} is still being measured; the load stays as it is until then.` : "";
}
