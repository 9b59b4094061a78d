// Sending a change to the console and showing its refusal; and why a change is not possible now.

import { useState } from "../lib/ui.js";
import { useWhyNot } from "../lib/may.js";
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
  const whyNot = useWhyNot();
  const experiment = useStore((state) => state.experiment);
  return whyNot || (experiment ? `The ${experiment.title} is still being measured. The load cannot change until it ends.` : "");
}
