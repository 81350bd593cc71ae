// What a broker does now and then for the tablets that it owns: retention, and room on a full disk. One round at a
// time; a tablet that fails its round shows it in its own state.
import { join } from "node:path";
import { inBallastRoom, layBallast } from "../ballast.ts";
import type { QueueMap } from "../map.ts";
import type { OwnedTablets } from "./owned-tablets.ts";

export interface Upkeep {
  /** A round now, in the room of the ballast: the disk is full. */
  onFull(): void;
  close(): Promise<void>;
}

export interface UpkeepOptions {
  readonly dataDir: string;
  /** The broker's name: each has a ballast of its own. */
  readonly name: string;
  readonly everyMs: number;
  readonly map: () => QueueMap;
  readonly tablets: Pick<OwnedTablets, "get" | "all">;
}

/** The first round comes soon, so that there is a ballast before it is needed. */
const FIRST_AFTER_MS = 1000;

export function createUpkeep({ dataDir, name, everyMs, map, tablets }: UpkeepOptions): Upkeep {
  const ballast = join(dataDir, `ballast-${name}`);
  let round: Promise<void> | null = null;
  let again = false;
  let closed = false;
  const first = setTimeout(run, FIRST_AFTER_MS).unref();
  const timer = setInterval(run, everyMs).unref();

  function run(): void {
    if (round !== null || closed) return;
    again = false;
    const full = tablets.all().some((tablet) => tablet.state() === "full");
    const work = full ? inBallastRoom(ballast, applyRetention) : applyRetention();
    round = work
      .then(() => layBallast(ballast))
      .catch(() => {})
      .finally(() => {
        round = null;
        if (again) run();
      });
  }

  async function applyRetention(): Promise<void> {
    for (const { shards, retention } of map().topics) {
      const { ageMs, bytesMax, countMax } = retention;
      if (ageMs === undefined && bytesMax === undefined && countMax === undefined) continue;
      for (const shard of shards) {
        if (closed) return;
        await tablets
          .get(shard.tablet)
          ?.truncate(shard.shard, retention)
          .catch(() => {});
      }
    }
  }

  return {
    onFull() {
      again = round !== null;
      // The state is told before it is set for whoever asks.
      setImmediate(run);
    },
    async close() {
      closed = true;
      clearTimeout(first);
      clearInterval(timer);
      await round;
    },
  };
}
