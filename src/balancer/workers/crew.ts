// The workers as one data plane: starts them, tells them what changes, adds up what they count. Its interface is the
// data plane's own, so that the front door does not know whether requests are served here or in other processes. What
// becomes of each worker is decided in crew-life.ts.
//
// Node's cluster module has them share the port. A connection goes to the next worker in turn (SCHED_RR, which is
// Node's default; NODE_CLUSTER_SCHED_POLICY=none leaves it to the kernel; docs/operations.md says how they differ).
import cluster, { type Worker } from "node:cluster";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
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
import type { FromWorker, FrontPort, ServedNow, ToWorker, WorkerReading } from "./messages.ts";
import { shareOf, toPortable } from "./portable-config.ts";
import { hottest, leftBehind, sumOf, worstCondition, zeroed } from "./sums.ts";

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

/** What is known of one worker. */
interface Hand {
  readonly worker: Worker;
  /** Exchanges that replicas which left the ring still have there; known from the change on, then as it reports. */
  readonly leavers: Map<string, number>;
  reading: WorkerReading | null;
  /** Calls back at the next reading. */
  read: (() => void)[];
  /** It has been told how to begin; what changes since is told too. */
  opened: boolean;
  ready: boolean;
  /** Why it could not open. */
  problem: string | null;
  problemCode: string | null;
}

const gatherMsMax = 1_000;
/** Readings are taken now and then, so that little is lost of what a worker has counted when it is killed. In ms. */
const readEveryMs = 1_000;

export function createCrew(parts: CrewParts): Crew {
  const { settings, fleet, queue, log } = parts;
  let state = emptyCrew(parts.size);
  const hands = new Map<number, Hand>();
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
  /** The counts of those that have ended. */
  let past: DataPlaneReading | null = null;
  let functionText = functionsOf(parts.config());
  const table = tableOf();
  queue?.onMap((map) => tellAll({ type: "queue", map }));

  cluster.setupPrimary({
    exec: fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url)),
    args: [],
    serialization: "advanced",
  });

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
        fork(effect.id);
        break;
      case "leave":
        tell(effect.id, { type: "leave", deadlineMs: leaveMs });
        break;
      case "kill":
        hands.get(effect.id)?.worker.process.kill("SIGKILL");
        break;
      case "rolled":
        rolled?.(effect.problem);
        break;
      case "lost":
        log.warn({ event: "worker", worker: effect.id }, `A worker is gone: it ${effect.reason}`);
    }
  }

  function fork(id: number): void {
    const worker = cluster.fork();
    const hand: Hand = {
      worker,
      leavers: new Map(),
      reading: null,
      read: [],
      opened: false,
      ready: false,
      problem: null,
      problemCode: null,
    };
    hands.set(id, hand);
    worker.on("message", (message: FromWorker) => hear(id, hand, message));
    worker.on("error", () => {}); // a message to one that has just ended
    worker.on("exit", (code, signal) => {
      hands.delete(id);
      for (const done of hand.read.splice(0)) done();
      if (hand.reading !== null) keep(hand.reading.dataPlane);
      const reason =
        hand.problem ?? (signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
      if (hand.problem !== null && state.generation === 0) openProblem = hand;
      dispatch({ type: "exited", id, reason });
    });
  }

  function openWorker(id: number, hand: Hand): void {
    const { controlPath, configFile } = parts;
    const { config, ...rest } = toPortable(parts.config(), configFile);
    const opening = {
      ...rest,
      config: shareOf(config, parts.size),
      host: settings.host,
      ports,
      controlPath,
      begun,
      steering: table.current.steering,
      served: servedNow(),
      queue: queue === null ? null : { desk: queue.desk, map: queue.map() },
    };
    hand.opened = true;
    tell(id, { type: "open", opening });
  }

  let openProblem: Hand | null = null;

  function keep(reading: DataPlaneReading): void {
    const serving = new Set(fleet.serving().map(({ name }) => name));
    past = leftBehind(sumOf(past === null ? [reading] : [past, reading]) ?? reading, serving);
  }

  function hear(id: number, hand: Hand, message: FromWorker): void {
    switch (message.type) {
      case "hello":
        openWorker(id, hand);
        break;
      case "ready":
        hand.ready = true;
        bound = message.ports;
        log.info({ event: "workers", worker: id, pids: pidsOf() }, `Worker ${id} serves`);
        dispatch({ type: "ready", id });
        break;
      case "failed":
        hand.problem = message.message;
        hand.problemCode = message.code;
        break;
      case "left":
        if (hand.leavers.has(message.name)) hand.leavers.set(message.name, message.inFlight);
        break;
      case "suspect":
        fleet.suspect(message.name, message.gone);
        break;
      case "wake":
        parts.wake();
        break;
      case "reading":
        hand.reading = message.reading;
        for (const done of hand.read.splice(0)) done();
    }
  }

  const pidsOf = () =>
    [...hands.values()].filter(({ ready }) => ready).map(({ worker }) => worker.process.pid ?? 0);

  // ── What workers are told ────────────────────────────────────────────────────────────────────────────────────

  function tell(id: number, message: ToWorker): void {
    const worker = hands.get(id)?.worker;
    if (worker?.isConnected()) worker.send(message);
  }

  function tellAll(message: ToWorker): void {
    for (const [id, { opened }] of hands) if (opened) tell(id, message);
  }

  function servedNow(): ServedNow {
    return { serving: fleet.serving().map(plain), desiredCount: fleet.desiredCount };
  }

  function follow({ replica, more }: FleetChange): void {
    for (const { leavers, opened } of hands.values()) {
      if (!opened) continue;
      // Until a worker has said how many it has there, it counts as busy.
      if (replica.state === "draining") leavers.set(replica.name, 1);
      if (replica.state === "dead") leavers.delete(replica.name);
    }
    tellAll({ type: "change", replica: plain(replica), now: more ? null : servedNow() });
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
        tellAll({ type: "steer", steering });
      },
      inFlightOf: (name) => {
        let inFlight = 0;
        for (const { leavers, reading } of hands.values())
          inFlight += leavers.get(name) ?? reading?.inFlight.get(name) ?? 0;
        return inFlight;
      },
    };
  }

  // ── What workers say ─────────────────────────────────────────────────────────────────────────────────────────

  async function gather(): Promise<void> {
    const all = [...hands].filter(([, { ready }]) => ready);
    const answers = all.map(
      ([id, hand]) =>
        new Promise<void>((resolve) => {
          hand.read.push(resolve);
          tell(id, { type: "read" });
        }),
    );
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, gatherMsMax);
    });
    await Promise.race([Promise.all(answers), patience]);
    clearTimeout(timer);
  }

  const ticker = setInterval(() => void gather(), readEveryMs);
  ticker.unref();

  const readings = (): WorkerReading[] => [...hands.values()].flatMap(({ reading }) => reading ?? []);

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
    gather,
    roll,
    // The first call opens all ports: each worker has all of them.
    listen: async (_host, _port, kind) => {
      if (state.generation > 0) return portOf(kind);
      try {
        await roll();
        await gather();
        zero = readings()[0] === undefined ? null : zeroed(readings()[0] as WorkerReading).dataPlane;
      } catch (error) {
        const code = openProblem?.problemCode;
        if (openProblem?.problem == null || (code !== "PORT_IN_USE" && code !== "BAD_CONFIG")) throw error;
        throw new RoundhouseError(code, openProblem.problem, { cause: error });
      }
      return portOf(kind);
    },
    useCertificates: (certificates) => tellAll({ type: "certificates", certificates }),
    reopenLog: () => tellAll({ type: "reopen-log" }),
    begin: () => {
      begun = true;
      table.begin();
      tellAll({ type: "begin" });
    },
    // They stop accepting when they leave.
    stopAccepting: async () => {},
    drain: (deadlineMs) => {
      leaveMs = deadlineMs;
      if (state.leaving) tellAll({ type: "leave", deadlineMs });
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
      else tellAll({ type: "configure", config: shareOf(config, parts.size) });
      functionText = functionsOf(parts.config());
    },
    read: () =>
      sumOf([...(past === null ? [] : [past]), ...readings().map(({ dataPlane }) => dataPlane)]) ??
      (zero as DataPlaneReading),
    get held() {
      return readings().reduce((sum, { dataPlane }) => sum + dataPlane.held, 0);
    },
    hotKeys: (count) =>
      hottest(
        readings().flatMap(({ hotKeys }) => hotKeys ?? []),
        count,
      ),
    conditionOf: (name) => worstCondition(readings().flatMap(({ conditions }) => conditions.get(name) ?? [])),
    close: () => {
      clearInterval(ticker);
      clearTimeout(clock);
      for (const { worker } of hands.values()) worker.process.kill("SIGKILL");
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

/** The text of the configuration's functions; the same text is taken for the same function. */
function functionsOf(config: Config): string {
  return Object.values(config)
    .filter((value) => typeof value === "function")
    .join("\n");
}

/** What others may know of a replica, without what the lifecycle keeps beside it. */
function plain({ name, seat, weight, state, address, pid, revision, sinceMs, reason }: Replica): Replica {
  return { name, seat, weight, state, address, pid, revision, sinceMs, reason };
}
