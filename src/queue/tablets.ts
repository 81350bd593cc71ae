// The tablets of one process: opened when first needed, each under the epoch that was raised for it. Who may open
// which is decided elsewhere; here it is one process that owns them all.
import { RoundhouseError } from "../errors.ts";
import type { DataDir } from "./data-dir.ts";
import { openLmdbTablet } from "./stores/lmdb.ts";
import type { Durability, Tablet, TabletEvents } from "./tablet.ts";

export interface Tablets {
  /** The tablet, opened if it is not. */
  get(tablet: number): Promise<Tablet>;
  /** Those that are open. */
  opened(): Promise<readonly Tablet[]>;
  close(): Promise<void>;
}

export function createTablets(
  directory: DataDir,
  epochs: readonly number[],
  durability: Durability,
  events: TabletEvents,
): Tablets {
  const opening = new Map<number, Promise<Tablet>>();
  let closed = false;

  function get(tablet: number): Promise<Tablet> {
    if (closed) return Promise.reject(new RoundhouseError("SHUTTING_DOWN", "The queue is closed."));
    let found = opening.get(tablet);
    if (found === undefined) {
      found = openLmdbTablet({
        file: directory.tabletFile(tablet),
        tablet,
        epoch: epochs[tablet] ?? 0,
        durability,
        events,
      });
      // A tablet that cannot be opened is tried again by the next caller, and takes nothing else down.
      found.catch(() => opening.delete(tablet));
      opening.set(tablet, found);
    }
    return found;
  }

  async function opened(): Promise<readonly Tablet[]> {
    const settled = await Promise.allSettled(opening.values());
    return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  }

  return {
    get,
    opened,
    async close() {
      closed = true;
      for (const tablet of await opened()) await tablet.close();
    },
  };
}
