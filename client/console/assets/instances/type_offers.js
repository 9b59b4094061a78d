// @ts-check
// The instance types and the hosts with room for them, loaded again whenever a host's reservations change.

import { useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useStore } from "../lib/store.js";

/**
 * The last known offers, null before the first; and why they could not be loaded.
 * @returns {{ offers: Offers | null, error: string }}
 */
export function useTypeOffers() {
  const hosts = useStore((state) => state.hosts);
  /** @type {{ offers: Offers | null, error: string }} */
  const initial = { offers: null, error: "" };
  const [state, setState] = useState(initial);
  useEffect(() => {
    let current = true;
    get("/api/types").then(
      (offers) => current && setState({ offers, error: "" }),
      (error) => current && setState((before) => ({ ...before, error: error.message })),
    );
    return () => (current = false);
  }, [hosts]);
  return state;
}
