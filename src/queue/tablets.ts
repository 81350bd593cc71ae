// The tablets of one process: opened when first needed, each under the epoch that was raised for it, and opened anew
// after the disk has failed one. Who may open which is decided elsewhere; here it is one process that owns them all.
import { RoundhouseError } from "../errors.ts";
import type { DataDir } from "./data-dir.ts";
import { openLmdbTablet } from "./stores/lmdb.ts";
import type { Durability, Tablet, TabletEvents } from "./tablet.ts";

export interface Tablets {
  /** The tablet, opened if it is not, and anew if its disk has failed. */
  get(tablet: number): Promise<Tablet>;
  /** All are closed when it settles; rejects with the first failure. */
  close(): Promise<void>;
}

export interface TabletsOptions {
  readonly directory: DataDir;
  /** By tablet number: of the first openings. */
  readonly epochs: readonly number[];
  /** Makes a tablet's next epoch durable. */
  readonly remember: (epochs: ReadonlyMap<number, number>) => Promise<void>;
  readonly durability: Durability;
  readonly events: TabletEvents;
}

export function createTablets({ directory, epochs, remember, durability, events }: TabletsOptions): Tablets {
  const opening = new Map<number, Promise<Tablet>>();
  /** Those that are open. */
  const open = new Map<number, Tablet>();
  /** By tablet: the epoch of its last opening, whether that succeeded or not. */
  const tried = new Map<number, number>();
  let closed = false;

  function get(tablet: number): Promise<Tablet> {
    if (closed) return Promise.reject(new RoundhouseError("SHUTTING_DOWN", "The queue is closed."));
    const failed = open.get(tablet)?.state() === "failed";
    const found = failed ? undefined : opening.get(tablet);
    if (found !== undefined) return found;
    const begun = openAnew(tablet);
    // A tablet that cannot be opened is tried again by the next caller, and takes nothing else down.
    begun.catch(() => opening.delete(tablet));
    opening.set(tablet, begun);
    return begun;
  }

  async function openAnew(tablet: number): Promise<Tablet> {
    const old = open.get(tablet);
    open.delete(tablet);
    await old?.close();
    const opened = await openLmdbTablet({
      file: directory.tabletFile(tablet),
      tablet,
      epoch: await nextEpoch(tablet),
      durability,
      events,
    });
    open.set(tablet, opened);
    return opened;
  }

  /** An opening that failed may have left its epoch on the disk. */
  async function nextEpoch(tablet: number): Promise<number> {
    const last = tried.get(tablet);
    const epoch = last === undefined ? (epochs[tablet] ?? 0) : last + 1;
    if (last !== undefined) await remember(new Map([[tablet, epoch]]));
    tried.set(tablet, epoch);
    return epoch;
  }

  return {
    get,
    async close() {
      closed = true;
      await Promise.allSettled(opening.values());
      const closings = await Promise.allSettled([...open.values()].map((tablet) => tablet.close()));
      for (const closing of closings) if (closing.status === "rejected") throw closing.reason;
    },
  };
}
