// What the replicas use of the machine, looked at now and then: processor time and memory of their process trees. It
// judges nothing; memory.ts and those who show or scale the fleet do.
import type { LaunchHandle } from "./launcher.ts";

/** What one replica's process tree used when it was last looked at. */
export interface Usage {
  /** Processor time since its start, in seconds; null where the system does not tell. */
  readonly cpuSeconds: number | null;
  /** Processor time per time between the last two looks: 1 is one core, always busy. Null until there were two. */
  readonly cpuCores: number | null;
  readonly rssBytes: number | null;
  /** When it was looked at, by a clock that never jumps. */
  readonly atMs: number;
}

export interface UsageMeter {
  watch(run: number, handle: LaunchHandle): void;
  unwatch(run: number): void;
  /** Null until it was looked at for the first time. */
  of(run: number): Usage | null;
}

/** From one look at a replica to the next, in ms. */
const lookEveryMs = 2_000;
/**
 * From one replica to the next, at least. A look at a process takes 0.2 ms: with this pause all looks together take
 * less than a hundredth of a core, however many replicas there are, and no request waits for more than one of them.
 */
const gapMsMin = 25;

interface Watched {
  readonly handle: LaunchHandle;
  usage: Usage | null;
  looking: boolean;
}

export function createUsageMeter(
  looked: (run: number, usage: Usage) => void,
  clockMs: () => number = () => performance.now(),
): UsageMeter {
  const watched = new Map<number, Watched>();
  /** Goes round and round; a map's own iterator stays right while runs come and go. */
  let round = watched.entries();
  let timer: NodeJS.Timeout | undefined;

  function schedule(): void {
    const gapMs = Math.max(gapMsMin, lookEveryMs / watched.size);
    timer = watched.size === 0 ? undefined : setTimeout(lookAtNext, gapMs).unref();
  }

  function lookAtNext(): void {
    let next = round.next();
    if (next.done) {
      round = watched.entries();
      next = round.next();
    }
    if (!next.done) void look(...next.value);
    schedule();
  }

  /** A launcher that takes its time (a container engine under load) is asked again when it has answered. */
  async function look(run: number, each: Watched): Promise<void> {
    if (each.looking) return;
    each.looking = true;
    const [cpuSeconds, rssBytes] = await Promise.all([each.handle.cpuSeconds(), each.handle.rssBytes()]);
    each.looking = false;
    const atMs = clockMs();
    each.usage = { cpuSeconds, cpuCores: coresBetween(each.usage, cpuSeconds, atMs), rssBytes, atMs };
    if (watched.get(run) === each) looked(run, each.usage);
  }

  return {
    watch: (run, handle) => {
      if (watched.get(run)?.handle === handle) return;
      watched.set(run, { handle, usage: null, looking: false });
      if (timer === undefined) schedule();
    },
    unwatch: (run) => {
      watched.delete(run);
      if (watched.size > 0) return;
      clearTimeout(timer);
      timer = undefined;
    },
    of: (run) => watched.get(run)?.usage ?? null,
  };
}

/** A sum that went backwards is another process's, or lacks a child that was not waited for: no figure then. */
function coresBetween(before: Usage | null, cpuSeconds: number | null, atMs: number): number | null {
  if (before === null || before.cpuSeconds === null || cpuSeconds === null) return null;
  if (cpuSeconds < before.cpuSeconds || atMs <= before.atMs) return null;
  return ((cpuSeconds - before.cpuSeconds) * 1000) / (atMs - before.atMs);
}
