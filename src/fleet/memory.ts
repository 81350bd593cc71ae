// Looks at the replicas' memory now and then, when a limit is set, and tells which has outgrown it.
import type { FleetLog } from "./fleet.ts";
import type { LaunchHandle } from "./launcher.ts";

/** From one look at a replica to the next, in ms. */
const lookEveryMs = 2_000;

export interface MemoryWatch {
  watch(run: number, handle: LaunchHandle): void;
  unwatch(run: number): void;
}

/** `bytesMax` is asked anew each time; undefined: nothing is watched. */
export function watchMemory(
  bytesMax: () => number | undefined,
  log: FleetLog,
  outgrown: (run: number, reason: string) => void,
): MemoryWatch {
  const timers = new Map<number, NodeJS.Timeout>();
  let blind = false;

  function schedule(run: number, handle: LaunchHandle): void {
    timers.set(run, setTimeout(look, lookEveryMs, run, handle));
  }

  async function look(run: number, handle: LaunchHandle): Promise<void> {
    const bytes = await handle.rssBytes();
    const maxBytes = bytesMax();
    if (!timers.has(run)) return;
    if (bytes === null && !blind) {
      blind = true;
      log.warn(
        {},
        "maxRssBytes has no effect here: this system does not tell how much memory a process uses",
      );
    }
    if (bytes !== null && maxBytes !== undefined && bytes > maxBytes) {
      outgrown(run, `uses ${megabytes(bytes)} of memory, more than the ${megabytes(maxBytes)} allowed`);
    }
    if (timers.has(run) && maxBytes !== undefined) schedule(run, handle);
    else timers.delete(run);
  }

  return {
    watch(run, handle) {
      if (bytesMax() !== undefined && !timers.has(run)) schedule(run, handle);
    },
    unwatch(run) {
      clearTimeout(timers.get(run));
      timers.delete(run);
    },
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
