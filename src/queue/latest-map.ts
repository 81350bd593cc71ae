// The latest map that a process has, and those who wait for a newer one.
import { RoundhouseError } from "../errors.ts";
import { type QueueMap, whyUnserved } from "./map.ts";

export interface LatestMap {
  get(): QueueMap;
  /** Takes a newer map; an older one changes nothing. */
  set(map: QueueMap): void;
  /** See BrokerNode.mapWhere. */
  where<T>(ready: (map: QueueMap) => T | undefined, waitMs: number): Promise<T>;
  /** Ends every wait. */
  close(): void;
}

export const EMPTY_MAP: QueueMap = { version: 0, brokers: [], tablets: [], topics: [] };

export function createLatestMap(first: QueueMap = EMPTY_MAP): LatestMap {
  let latest = first;
  const looks = new Set<() => void>();
  let closed = false;

  function where<T>(ready: (map: QueueMap) => T | undefined, waitMs: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        looks.delete(look);
      };
      const look = (): void => {
        const found = outcome(ready, latest);
        if ("value" in found && found.value === undefined && !closed) return;
        end();
        if ("error" in found) reject(found.error);
        else if (found.value !== undefined) resolve(found.value);
        else reject(new RoundhouseError("SHUTTING_DOWN", "This broker is ending.", { retryable: true }));
      };
      const timer = setTimeout(() => {
        end();
        reject(tooLong(waitMs, latest));
      }, waitMs);
      looks.add(look);
      look();
    });
  }

  return {
    get: () => latest,
    set(map) {
      if (map.version <= latest.version) return;
      latest = map;
      for (const look of [...looks]) look();
    },
    where,
    close() {
      closed = true;
      for (const look of [...looks]) look();
    },
  };
}

/** A `ready` that throws refuses its own wait, and nobody else's. */
function outcome<T>(ready: (map: QueueMap) => T | undefined, map: QueueMap) {
  try {
    return { value: ready(map) };
  } catch (error) {
    return { error };
  }
}

function tooLong(waitMs: number, map: QueueMap): RoundhouseError {
  const text = `No broker could serve this within ${Math.round(waitMs)} ms: ${whyUnserved(map)}`;
  return new RoundhouseError("TIMEOUT", text, { retryable: true });
}
