// Which runs are checked, and how: follows the lives, so that heartbeats and the usage meter need no orders.
import type { Heartbeat } from "./heartbeat.ts";
import type { Launches } from "./launches.ts";
import { isWanted, type Life } from "./state.ts";
import type { UsageMeter } from "./usage.ts";

export interface Watching {
  /** Call after every change. */
  follow(lives: Iterable<Life>): void;
}

export function createWatching(heartbeat: Heartbeat, usage: UsageMeter, launches: Launches): Watching {
  let watched = new Set<number>();

  function watch(life: Life): void {
    if (life.address === null) return;
    heartbeat.watch(life.run, life.address, life.state === "starting" ? "starting" : "steady");
    const handle = launches.handleOf(life.run);
    if (handle !== undefined && life.state === "healthy" && life.seat > 0) usage.watch(life.run, handle);
  }

  return {
    follow(lives) {
      const wanted = [...lives].filter((life) => isWanted(life) && life.run > 0 && life.address !== null);
      wanted.forEach(watch);
      const runs = new Set(wanted.map((life) => life.run));
      for (const run of watched) {
        if (runs.has(run)) continue;
        heartbeat.unwatch(run);
        usage.unwatch(run);
      }
      watched = runs;
    },
  };
}
