// A fleet, composed: the running lifecycle, what brings it news (launches, heartbeats, usage, drains, faults), and what
// callers may ask. It decides nothing about replicas; lifecycle.ts does.

import { createDrains } from "./drains.ts";
import { createFaultWatch } from "./fault-watch.ts";
import type { DesiredReplica, Fleet, FleetOptions, FleetSettings } from "./fleet.ts";
import { createFleetChanges } from "./fleet-changes.ts";
import { createHeartbeat, defaultHeartbeat, type HeartbeatOptions } from "./heartbeat.ts";
import { createLaunches } from "./launches.ts";
import { createMemoryLimit } from "./memory.ts";
import type { ProbeResult } from "./probe.ts";
import { checkStart, type FleetBounds } from "./requests.ts";
import { rolloutReport, storedRevisions } from "./rollout-report.ts";
import { type RunningLifecycle, runLifecycle } from "./running-lifecycle.ts";
import { desiredOf, emptyFleet, holders, isProven, servingOf, sparesOf, understudiesOf } from "./state.ts";
import { createUsageMeter } from "./usage.ts";
import { createWatching } from "./watching.ts";

/** After SIGKILL at the latest, how long {@link Fleet.stop} waits for processes to vanish, in ms. */
const vanishMs = 2_000;
/** Servers of somebody else's are there or not: after so many looks in quick succession there is no hurry. */
const fixedQuickTries = 4;

/** Throws BAD_CONFIG when `replicaCount` is more than can be had. Starts nothing yet. */
export function createFleet(options: FleetOptions): Fleet {
  const { launcher, log } = options;
  let bounds = boundsOf(options, options);
  const first =
    options.replicas ?? numbered(options.replicaCount ?? (launcher.fixed ? bounds.launchable : 3));
  checkStart(first.length, bounds);
  let { maxRssBytes } = options;
  let started = false;
  let inFlightOf: (name: string) => number = () => 0;
  let faultOf: (name: string) => string | null = () => null;
  let vanished: (() => void) | undefined;

  // ── What happens to replicas ───────────────────────────────────────────────────────────────────────────────────

  const launches = createLaunches(launcher, {
    launched: (run, address, pid) => lifecycle.dispatch({ type: "launched", run, address, pid }),
    exited: (run, reason) => lifecycle.dispatch({ type: "exited", run, reason }),
  });
  const weightOf = (seat: number) => launcher.weightOf?.(seat) ?? 1;
  const lifecycle: RunningLifecycle = runLifecycle(
    emptyFleet(
      {
        ...changeablePolicy(options),
        fixed: launcher.fixed,
        addDeadlineMs: options.addDeadlineMs ?? 30_000,
        weightOf,
      },
      options.revisions,
    ),
    { log, entropy: options.entropy, launches, follow },
  );
  const lives = () => lifecycle.state.lives.values();
  const heartbeat = createHeartbeat(
    heartbeatOf(options),
    { heard },
    launcher.fixed ? fixedQuickTries : undefined,
    options.probe,
  );
  const usage = createUsageMeter(
    createMemoryLimit(
      () => maxRssBytes,
      log,
      (run, reason) => lifecycle.dispatch({ type: "outgrown", run, reason }),
    ),
  );
  const watching = createWatching(heartbeat, usage, launches);
  const drains = createDrains(
    lives,
    (name) => inFlightOf(name) === 0,
    (id) => lifecycle.dispatch({ type: "idle", id }),
  );
  const faults = createFaultWatch(
    lives,
    (name) => faultOf(name),
    (id, reason) => lifecycle.dispatch({ type: "faulty", id, reason }),
  );

  async function heard(run: number, result: ProbeResult, enough: boolean): Promise<void> {
    if (!result.alive && !result.ours)
      lifecycle.dispatch({ type: "missed", run, reason: result.reason, enough });
    // With hundreds of replicas, most of what is heard changes nothing; it does not go through the lifecycle.
    if (!result.alive || isProven(lifecycle.state, run)) return;
    if (await launches.confirm(run)) lifecycle.dispatch({ type: "answered", run });
  }

  function follow(): void {
    watching.follow(lives());
    drains.follow();
    faults.follow();
    if (lifecycle.state.lives.size === 0) vanished?.();
  }

  // ── From the first to the last ─────────────────────────────────────────────────────────────────────────────────

  function whole({ name, seat, weight = weightOf(seat), revision }: DesiredReplica) {
    return { name, seat, weight, revision: revision ?? lifecycle.state.revision.number };
  }

  /** Changes do not wait for it: a replica that never becomes healthy would keep them waiting until its deadline. */
  async function start(): Promise<void> {
    started = true;
    launcher.expect?.(first);
    await lifecycle.settle((batch) => ({ type: "start", batch, replicas: first }));
  }

  async function stop(deadlineMs: number): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      const before = vanished;
      vanished = () => {
        before?.();
        resolve();
      };
    });
    if (!lifecycle.state.stopping) launcher.letGo?.(desiredOf(lifecycle.state));
    lifecycle.dispatch({ type: "stop", deadlineMs });
    const patience = setTimeout(() => vanished?.(), deadlineMs + vanishMs);
    await gone;
    clearTimeout(patience);
    for (const life of lives()) {
      log.error({ replica: life.name, pid: life.pid }, `${life.name} is still there after SIGKILL`);
    }
    lifecycle.close();
    await launcher.close();
  }

  return {
    replicas: () => [...lives()].filter((life) => life.seat > 0),
    serving: () => servingOf(lifecycle.state),
    spares: () => sparesOf(lifecycle.state),
    understudies: () => understudiesOf(lifecycle.state),
    desired: () => (started ? desiredOf(lifecycle.state) : first.map(whole)),
    usageOf: (name) => usage.of(servingOf(lifecycle.state).find((life) => life.name === name)?.run ?? 0),
    get desiredCount() {
      return holders(lifecycle.state).length;
    },
    get counters() {
      const { respawns, heartbeatFailures, rolloutsComplete, rolloutsRolledBack } = lifecycle.state;
      return { respawns, heartbeatFailures, rolloutsComplete, rolloutsRolledBack };
    },
    start,
    reconfigure(settings) {
      bounds = boundsOf(options, settings);
      maxRssBytes = settings.maxRssBytes;
      heartbeat.reconfigure(heartbeatOf(settings));
      lifecycle.dispatch({ type: "policy", policy: changeablePolicy(settings) });
    },
    ...createFleetChanges(lifecycle, launcher, () => bounds),
    rolloutReport: () => rolloutReport(lifecycle.state),
    revisions: () => storedRevisions(lifecycle.state),
    onRollout: lifecycle.onRollout,
    onChange: lifecycle.onChange,
    setFaultOf(probe) {
      faultOf = probe;
    },
    setInFlightOf(probe) {
      inFlightOf = probe;
    },
    suspect(name, gone = false) {
      for (const life of lives()) {
        if (life.name === name && life.run > 0) heartbeat.probeNow(life.run, gone);
      }
    },
    stop,
  };
}

function numbered(count: number): DesiredReplica[] {
  return Array.from({ length: count }, (_, index) => ({ name: `S${index + 1}`, seat: index + 1 }));
}

function boundsOf({ launcher, capacity }: FleetOptions, { replicasMax = 64 }: FleetSettings): FleetBounds {
  return {
    replicasMax,
    capacity: capacity ?? Number.POSITIVE_INFINITY,
    launchable: launcher.capacity ?? Number.POSITIVE_INFINITY,
  };
}

function heartbeatOf({ heartbeat }: FleetSettings): HeartbeatOptions {
  return { ...defaultHeartbeat, ...heartbeat };
}

function changeablePolicy(settings: FleetSettings) {
  const { warm = 0, drainMs = 10_000, startDeadlineMs = 30_000 } = settings;
  const { downAfter, upAfter } = heartbeatOf(settings);
  return { warm, downAfter, upAfter, drainMs, startDeadlineMs };
}
