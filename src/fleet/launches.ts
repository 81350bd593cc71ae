// The launches under way: what the lifecycle knows as a run, here with its launcher's handle.
import { availableParallelism } from "node:os";
import type { LaunchEvents, Launcher, LaunchHandle, LaunchSpec } from "./launcher.ts";
import { createTurns, type Pace } from "./turns.ts";

/** What starting a small server costs, unless its launcher says otherwise. */
const smallServerStartCostMs = 50;
const cores = availableParallelism();

/** As many at once as can start without getting into each other's way, then as many as the processor can bear. */
function paceOf({ startCostMs = smallServerStartCostMs }: Launcher): Pace {
  return { burst: Math.max(4, 2 * cores), gapMs: startCostMs / cores };
}

/** Thirty servers that end at the same moment are thirty exits in one turn, and thirty wake-ups for the processor. */
const stopPace: Pace = { burst: 2, gapMs: 2 };

export interface Launches {
  start(run: number, spec: LaunchSpec): void;
  /** `kill` at once, `stop` kindly; also before the launcher has been called. */
  end(run: number, how: "stop" | "kill"): void;
  /** Undefined when it has not been started yet, or is gone. */
  handleOf(run: number): LaunchHandle | undefined;
  /** An answer has come: is it from the run? Asks the launcher until it says so once. False also when it is gone. */
  confirm(run: number): Promise<boolean>;
}

export type RunEvents = {
  readonly [K in keyof LaunchEvents]: (run: number, ...rest: Parameters<LaunchEvents[K]>) => void;
};

export function createLaunches(launcher: Launcher, events: RunEvents): Launches {
  const waiting = new Map<number, LaunchSpec>();
  const handles = new Map<number, LaunchHandle>();
  const confirmed = new Set<number>();
  const turns = createTurns(paceOf(launcher));
  const stopTurns = createTurns(stopPace);
  /** To be stopped, and not killed meanwhile. */
  const stopping = new Set<number>();

  function launch(run: number): void {
    const spec = waiting.get(run);
    if (spec === undefined) return;
    waiting.delete(run);
    const handle = launcher.start(spec, {
      launched: (address, pid) => events.launched(run, address, pid),
      exited(reason) {
        handles.delete(run);
        confirmed.delete(run);
        events.exited(run, reason);
      },
    });
    handles.set(run, handle);
  }

  function stopLater(run: number): void {
    stopping.add(run);
    stopTurns.later(() => {
      if (stopping.delete(run)) handles.get(run)?.stop();
    });
  }

  /** It may run already, an earlier front door's: its launcher knows. What does not run is not started for it. */
  function endUnstarted(run: number, how: "stop" | "kill"): void {
    launch(run);
    handles.get(run)?.[how]();
  }

  function killNow(run: number): void {
    stopping.delete(run);
    handles.get(run)?.kill();
  }

  return {
    start(run, spec) {
      waiting.set(run, spec);
      turns.later(() => launch(run));
    },
    end(run, how) {
      if (waiting.has(run)) endUnstarted(run, how);
      else if (how === "stop") stopLater(run);
      else killNow(run);
    },
    handleOf: (run) => handles.get(run),
    async confirm(run) {
      const handle = handles.get(run);
      if (handle === undefined) return false;
      if (confirmed.has(run)) return true;
      if (!(await handle.confirm()) || !handles.has(run)) return false;
      confirmed.add(run);
      return true;
    },
  };
}
