// When replicas are checked: each watched run has its own rhythm, quick while it starts and steady afterwards, at a
// phase of its own, so that the probes of many replicas are spread over the interval.
// What one check does is in probe.ts; what its outcome means is decided by the lifecycle.
import type { Address } from "./launcher.ts";
import { type Probe, type ProbeOptions, type ProbeResult, probe } from "./probe.ts";

export interface HeartbeatOptions extends ProbeOptions {
  /** From the start of one probe to the start of the next, in ms (the first time 0.25 to 1.25 of it); default 1000. */
  readonly intervalMs: number;
  /** Failed probes in a row that take a healthy replica out of the ring; default 2. */
  readonly downAfter: number;
  /** Good probes in a row that bring a replica into the ring; default 1. */
  readonly upAfter: number;
}

export const defaultHeartbeat: HeartbeatOptions = {
  kind: "http",
  path: "/heartbeat",
  expect: "below-500",
  intervalMs: 1_000,
  timeoutMs: 1_000,
  downAfter: 2,
  upAfter: 1,
};

/** Pause between the probes of a replica that starts, or is suspected again and again, in ms. */
const soonMs = 25;

export interface HeartbeatListener {
  /** One outcome. `enough`: the probe was made because a connection had been refused. */
  heard(run: number, result: ProbeResult, enough: boolean): void;
}

export interface Heartbeat {
  /** Probes this run from now on; called again with what has changed, it changes rhythm or address. */
  watch(run: number, address: Address, rhythm: Rhythm): void;
  unwatch(run: number): void;
  /** Probes it at once, or, when a probe is under way, again right after it: that one may have been too early. */
  probeNow(run: number, enough: boolean): void;
  /** From each run's next probe on. */
  reconfigure(options: HeartbeatOptions): void;
}

export type Rhythm = "starting" | "steady";

interface Watch {
  address: Address;
  rhythm: Rhythm;
  /** The timer of the next probe; undefined while one is under way. */
  timer: NodeJS.Timeout | undefined;
  /** One more probe has been asked for while one was under way. */
  again: boolean;
  /** A connection was refused: the next miss is enough. */
  enough: boolean;
  /** Probes made at the rhythm `starting`. */
  quickTries: number;
}

/**
 * @param quickTriesMax so many probes of a run are made in quick succession while it starts, the others at the steady
 * interval; default: no limit, for a server that we have started ourselves comes up at any moment
 */
export function createHeartbeat(
  initial: HeartbeatOptions,
  listener: HeartbeatListener,
  quickTriesMax = Number.POSITIVE_INFINITY,
  lookOnce: Probe = probe,
): Heartbeat {
  const watches = new Map<number, Watch>();
  let options = initial;

  async function look(run: number, watch: Watch): Promise<void> {
    clearTimeout(watch.timer);
    watch.timer = undefined;
    const startedMs = performance.now();
    const { address } = watch;
    const result = await lookOnce(address, options);
    if (watches.get(run) !== watch) return;
    const { enough, again } = watch;
    schedule(run, watch, startedMs);
    // An answer from an address that it has been moved from says nothing.
    if (watch.address !== address) return;
    watch.enough = enough && again && result.alive;
    listener.heard(run, result, enough);
  }

  function schedule(run: number, watch: Watch, startedMs: number): void {
    watch.timer = setTimeout(look, pauseMs(run, watch, startedMs), run, watch);
    watch.again = false;
  }

  function pauseMs(run: number, watch: Watch, startedMs: number): number {
    if (watch.again) return soonMs;
    if (watch.rhythm === "starting" && ++watch.quickTries < quickTriesMax) return soonMs;
    return Math.max(0, nextSteadyMs(run, startedMs, options.intervalMs) - performance.now());
  }

  return {
    watch(run, address, rhythm) {
      const known = watches.get(run);
      if (known !== undefined) {
        Object.assign(known, { address, rhythm });
        return;
      }
      const watch: Watch = { address, rhythm, timer: undefined, again: false, enough: false, quickTries: 0 };
      watches.set(run, watch);
      void look(run, watch);
    },
    unwatch(run) {
      clearTimeout(watches.get(run)?.timer);
      watches.delete(run);
    },
    probeNow(run, enough) {
      const watch = watches.get(run);
      if (watch === undefined) return;
      watch.enough ||= enough;
      if (watch.timer === undefined) watch.again = true;
      else void look(run, watch);
    },
    reconfigure(next) {
      const sooner = next.intervalMs < options.intervalMs;
      options = next;
      // Those whose next probe is far away would keep the old rhythm for one more turn.
      if (sooner) for (const [run, watch] of watches) if (watch.timer !== undefined) void look(run, watch);
    },
  };
}

/** The golden ratio: its multiples, modulo 1, lie far apart however many there are. */
const stride = (Math.sqrt(5) - 1) / 2;

/** When a run's next probe is due, 0.25 to 1.25 intervals after this one; from then on exactly one interval. */
export function nextSteadyMs(run: number, startedMs: number, intervalMs: number): number {
  const phaseMs = ((run * stride) % 1) * intervalMs;
  return phaseMs + Math.floor((startedMs - phaseMs) / intervalMs + 1.25) * intervalMs;
}
