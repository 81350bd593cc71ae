// The workers as one data plane: starts them, tells them what changes, adds up what they count. Its interface is the
// data plane's own, so that the front door does not know whether requests are served here or in other processes. What
// becomes of each worker is decided in crew-life.ts; hands.ts has their processes.
//
// Node's cluster module has them share the port. A connection goes to the next worker in turn (SCHED_RR, which is
// Node's default; NODE_CLUSTER_SCHED_POLICY=none leaves it to the kernel; docs/operations.md says how they differ).
import { RoundhouseError } from "../../errors.ts";
import type { FleetChange, Replica } from "../../fleet/fleet.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Config } from "../config.ts";
import type { DataPlane, DataPlaneReading } from "../data-plane.ts";
import type { FrontDoorSettings } from "../options.ts";
import { policyNamed } from "../policies/named.ts";
import type { QueueHouse } from "../queue-house.ts";
import type { RoutingTable } from "../routing-table.ts";
import { joinFleet, type ServedFleet } from "../served-fleet.ts";
import { type CrewEffect, type CrewEvent, emptyCrew, nextClockMs, reduce } from "./crew-life.ts";
import { createHands, type HandsParts, type WorkerFailure } from "./hands.ts";
import type { FrontPort, ServedNow } from "./messages.ts";
import { functionsOf, shareOf, toPortable } from "./portable-config.ts";
import { hottest, worstCondition, zeroed } from "./sums.ts";

export interface Crew extends DataPlane {
  /** Reads all workers; {@link DataPlane.read} and the like give what was read last. At most a second. */
  gather(): Promise<void>;
  /** Starts new workers, and then has the old ones serve what they have and end. Rejects with START_FAILED. */
  roll(): Promise<void>;
  readonly size: number;
}

export interface CrewParts {
  readonly size: number;
  /** As it is now; a reload changes it. */
  readonly config: () => Config;
  /** Where the configuration's functions are. */
  readonly configFile: string | undefined;
  readonly settings: FrontDoorSettings;
  readonly fleet: ServedFleet;
  readonly controlPath: string | null;
  readonly wake: () => void;
  /** Null: there is no queue. */
  readonly queue: Pick<QueueHouse, "desk" | "map" | "onMap"> | null;
  readonly log: Log;
}

export function createCrew(parts: CrewParts): Crew {
  const { settings, fleet, queue, log } = parts;
  let state = emptyCrew(parts.size);
  const hands = createHands({
    heard,
    exited,
    serving: () => new Set(fleet.serving().map(({ name }) => name)),
  });
  let clock: NodeJS.Timeout | undefined;
  let begun = false;
  // Each worker asks for the ports as configured: for 0, the cluster module gives all of them the same free port.
  const ports = portsOf(settings);
  let bound: readonly number[] = [];
  let current = settings;
  let zero: DataPlaneReading | null = null;
  let leaveMs = settings.drainMs;
  let rolled: ((problem: string | null) => void) | null = null;
  let gone: (() => void) | null = null;
  /** Why the first workers could not open. */
  let openFailure: WorkerFailure | null = null;
  let functionText = functionsOf(parts.config());
  const table = tableOf();
  queue?.onMap((map) => hands.tellAll({ type: "queue", map }));

  const portOf = (kind: FrontPort["kind"]) => bound[ports.findIndex((each) => each.kind === kind)] ?? 0;

  // ── Lifecycle ────────────────────────────────────────────────────────────────────────────────────────────────

  function dispatch(event: CrewEvent): void {
    const result = reduce(state, event, performance.now());
    state = result.state;
    for (const effect of result.effects) carryOut(effect);
    clearTimeout(clock);
    const inMs = nextClockMs(state) - performance.now();
    if (inMs < Number.POSITIVE_INFINITY) {
      clock = setTimeout(() => dispatch({ type: "clock" }), Math.max(0, Math.ceil(inMs)));
    }
    if (hands.size === 0) gone?.();
  }

  function carryOut(effect: CrewEffect): void {
    switch (effect.type) {
      case "fork":
        hands.fork(effect.id);
        break;
      case "leave":
        hands.tell(effect.id, { type: "leave", deadlineMs: leaveMs });
        break;
      case "kill":
        hands.kill(effect.id);
        break;
      case "rolled":
        rolled?.(effect.problem);
        break;
      case "lost":
        log.warn({ event: "worker", worker: effect.id }, `A worker is gone: it ${effect.reason}`);
    }
  }

  function exited(id: number, reason: string, failure: WorkerFailure | null): void {
    if (failure !== null && state.generation === 0) openFailure = failure;
    dispatch({ type: "exited", id, reason });
  }

  function openWorker(id: number): void {
    const { controlPath, configFile } = parts;
    const { config, ...rest } = toPortable(parts.config(), configFile);
    hands.open(id, {
      ...rest,
      config: shareOf(config, parts.size),
      host: settings.host,
      ports,
      controlPath,
      begun,
      steering: table.current.steering,
      served: servedNow(),
      queue: queue === null ? null : { desk: queue.desk, map: queue.map() },
    });
  }

  function heard(id: number, message: Parameters<HandsParts["heard"]>[1]): void {
    switch (message.type) {
      case "hello":
        openWorker(id);
        break;
      case "ready":
        bound = message.ports;
        log.info({ event: "workers", worker: id, pids: hands.pids() }, `Worker ${id} serves`);
        dispatch({ type: "ready", id });
        break;
      case "suspect":
        fleet.suspect(message.name, message.gone);
        break;
      case "wake":
        parts.wake();
    }
  }

  // ── What workers are told ────────────────────────────────────────────────────────────────────────────────────

  function servedNow(): ServedNow {
    return { serving: fleet.serving().map(plain), desiredCount: fleet.desiredCount };
  }

  function follow({ replica, more }: FleetChange): void {
    hands.note(replica);
    hands.tellAll({ type: "change", replica: plain(replica), now: more ? null : servedNow() });
  }

  /** The table for status, previews and shares. Nobody is sent anywhere by it: its upstreams have no connections. */
  function tableOf(): RoutingTable {
    const counters = { bounded: 0, overflowed: 0, spread: 0 };
    const policy = policyNamed(settings.routingPolicy, { keyOf: settings.keyOf, noteKey: null, counters });
    const nobody = () => {};
    const own = joinFleet(fleet, { settings, policy, log, joined: nobody, left: nobody });
    fleet.onChange(follow);
    return {
      get current() {
        return own.current;
      },
      ring: own.ring,
      apply: own.apply,
      chooseBy: own.chooseBy,
      begin: own.begin,
      steer: (steering) => {
        own.steer(steering);
        hands.tellAll({ type: "steer", steering });
      },
      inFlightOf: hands.inFlightOf,
    };
  }

  async function roll(): Promise<void> {
    if (rolled !== null)
      throw new RoundhouseError("UNREACHABLE", "The workers are being replaced already", { retryable: true });
    const problem = await new Promise<string | null>((resolve) => {
      rolled = resolve;
      dispatch({ type: "roll" });
    });
    rolled = null;
    if (problem === null) return;
    throw new RoundhouseError("START_FAILED", `The workers were not replaced: a new one ${problem}`);
  }

  return {
    size: parts.size,
    table,
    gather: hands.gather,
    roll,
    // The first call opens all ports: each worker has all of them.
    listen: async (_host, _port, kind) => {
      if (state.generation > 0) return portOf(kind);
      try {
        await roll();
        await hands.gather();
        const [reading] = hands.readings();
        zero = reading === undefined ? null : zeroed(reading).dataPlane;
      } catch (error) {
        const { code, message } = openFailure ?? {};
        if (message === undefined || (code !== "PORT_IN_USE" && code !== "BAD_CONFIG")) throw error;
        throw new RoundhouseError(code, message, { cause: error });
      }
      return portOf(kind);
    },
    useCertificates: (certificates) => hands.tellAll({ type: "certificates", certificates }),
    reopenLog: () => hands.tellAll({ type: "reopen-log" }),
    begin: () => {
      begun = true;
      table.begin();
      hands.tellAll({ type: "begin" });
    },
    // They stop accepting when they leave.
    stopAccepting: async () => {},
    drain: (deadlineMs) => {
      leaveMs = deadlineMs;
      if (state.leaving) hands.tellAll({ type: "leave", deadlineMs });
      return new Promise((resolve) => {
        const before = gone;
        gone = () => {
          before?.();
          resolve();
        };
        dispatch({ type: "leave" });
      });
    },
    reconfigure: async (next) => {
      const { config } = toPortable(parts.config(), parts.configFile);
      const { loadFactor } = next;
      if (loadFactor !== current.loadFactor) table.steer({ ...table.current.steering, loadFactor });
      current = next;
      // Functions cannot be sent: workers that begin anew take them from the file.
      if (functionsOf(parts.config()) !== functionText) await roll();
      else hands.tellAll({ type: "configure", config: shareOf(config, parts.size) });
      functionText = functionsOf(parts.config());
    },
    read: () => hands.counted() ?? (zero as DataPlaneReading),
    get held() {
      return hands.readings().reduce((sum, { dataPlane }) => sum + dataPlane.held, 0);
    },
    hotKeys: (count) =>
      hottest(
        hands.readings().flatMap(({ hotKeys }) => hotKeys ?? []),
        count,
      ),
    conditionOf: (name) =>
      worstCondition(hands.readings().flatMap(({ conditions }) => conditions.get(name) ?? [])),
    close: () => {
      clearTimeout(clock);
      hands.close();
    },
  };
}

function portsOf({ port, tls }: FrontDoorSettings): FrontPort[] {
  if (tls === null) return [{ port, kind: "plain" }];
  if (tls.port === null) return [{ port, kind: "tls" }];
  return [
    { port, kind: "plain" },
    { port: tls.port, kind: "tls" },
  ];
}

/** What others may know of a replica, without what the lifecycle keeps beside it. */
function plain({ name, seat, weight, state, address, pid, revision, sinceMs, reason }: Replica): Replica {
  return { name, seat, weight, state, address, pid, revision, sinceMs, reason };
}
