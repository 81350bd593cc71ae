// The ring's picture, fetched anew when the ring has changed. While it changes often (weights on their way up) it is fetched
// once the last picture has come, and no sooner than that.
import { useEffect, useState } from "preact/hooks";
import type { RingReport } from "../balancer/ring-picture.ts";
import { call } from "./calls.ts";

export interface RingReading {
  readonly ring: RingReport | null;
  /** Why there is no newer one; null: there is. */
  readonly failure: string | null;
}

/** @param changes a number that differs when the ring does */
export function useRing(changes: number): RingReading {
  const [reading, setReading] = useState<RingReading>({ ring: null, failure: null });
  const [fetched, setFetched] = useState(-1);
  const [fetching, setFetching] = useState(false);
  useEffect(() => {
    if (fetching || fetched === changes) return;
    setFetching(true);
    call<RingReport>("GET", "/api/v1/ring")
      .then((ring) => setReading({ ring, failure: null }))
      .catch((error: Error) => setReading((before) => ({ ...before, failure: error.message })))
      .finally(() => {
        setFetched(changes);
        setFetching(false);
      });
  }, [changes, fetched, fetching]);
  return reading;
}
