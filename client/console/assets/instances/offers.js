// The types and where they fit, loaded again whenever a host's reservations change.

import { useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useStore } from "../lib/store.js";

/** The last known offers, null before; and why they could not be loaded. */
export function useOffers() {
  const hosts = useStore((state) => state.hosts);
  const [told, tell] = useState({ offers: null, error: "" });
  useEffect(() => {
    let newest = true;
    get("/api/types").then(
      (offers) => newest && tell({ offers, error: "" }),
      (error) => newest && tell((before) => ({ ...before, error: error.message })),
    );
    return () => (newest = false);
  }, [hosts]);
  return told;
}
