// The types and where they fit, asked again whenever a host has promised more or less.

import { useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useStore } from "../lib/store.js";

/** What was told last, null before; and why it could not be told. */
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
