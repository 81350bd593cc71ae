// What a container uses of the machine, from its control group as the engine reads it. One reading gives both figures,
// and costs the engine a millisecond: those who ask for them one after the other get the same.
import type Docker from "dockerode";
import { within } from "./engine.ts";

/** A reading is as good as new for so long, in ms. */
const freshMs = 200;

interface Reading {
  readonly rssBytes: number;
  readonly cpuSeconds: number;
}

export interface ContainerUsage {
  /** Null: the engine does not tell. */
  read(): Promise<Reading | null>;
}

export function createContainerUsage(container: Docker.Container): ContainerUsage {
  let last: Promise<Reading | null> = Promise.resolve(null);
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    read() {
      if (performance.now() - lastMs < freshMs) return last;
      lastMs = performance.now();
      last = readUsage(container).catch(() => null);
      return last;
    },
  };
}

/** Memory as "docker stats" counts it: without the page cache that can be dropped at once. Null for one that has ended. */
async function readUsage(container: Docker.Container): Promise<Reading | null> {
  const { memory_stats: memory, cpu_stats: cpu } = await within(
    container.stats({ stream: false, "one-shot": true }),
  );
  if (memory.usage === undefined) return null;
  const cache = memory.stats.total_inactive_file ?? memory.stats.inactive_file ?? 0;
  return { rssBytes: memory.usage - cache, cpuSeconds: cpu.cpu_usage.total_usage / 1e9 };
}
