// The worker processes at hand: forked, told, heard, read. What becomes of each is decided in crew-life.ts; what they
// are told, and what follows from what they say, is crew.ts.
import cluster, { type Worker } from "node:cluster";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Replica } from "../../fleet/fleet.ts";
import type { DataPlaneReading } from "../data-plane.ts";
import type { FromWorker, Opening, ToWorker, WorkerReading } from "./messages.ts";
import { leftBehind, sumOf } from "./sums.ts";

export type WorkerFailure = Extract<FromWorker, { type: "failed" }>;

export interface HandsParts {
  /** What a worker says, besides its figures and why it fails. */
  readonly heard: (id: number, message: Exclude<FromWorker, { type: "failed" | "left" | "reading" }>) => void;
  /** `failure`: it could not open; null: it ended in another way. */
  readonly exited: (id: number, reason: string, failure: WorkerFailure | null) => void;
  /** Whose counts are kept by name when a worker has ended. */
  readonly serving: () => ReadonlySet<string>;
}

export interface Hands {
  readonly size: number;
  fork(id: number): void;
  /** Tells it how to begin; what changes since is told too. */
  open(id: number, opening: Opening): void;
  tell(id: number, message: ToWorker): void;
  /** All that have been told how to begin. */
  tellAll(message: ToWorker): void;
  kill(id: number): void;
  /** Process ids of those that serve. */
  pids(): number[];
  /** A replica has changed its state: is somebody still busy with it? */
  note(replica: Replica): void;
  /** Exchanges that a replica has under way, in all workers. */
  inFlightOf(name: string): number;
  /** Reads all that serve; at most a second. */
  gather(): Promise<void>;
  /** Read last. */
  readings(): WorkerReading[];
  /** What all have counted, those that have ended included; null: there were none. */
  counted(): DataPlaneReading | null;
  /** Kills all. */
  close(): void;
}

/** What is known of one worker. */
interface Hand {
  readonly worker: Worker;
  /** Exchanges that replicas which left the ring still have there; known from the change on, then as it reports. */
  readonly leavers: Map<string, number>;
  reading: WorkerReading | null;
  /** Calls back at the next reading. */
  read: (() => void)[];
  opened: boolean;
  ready: boolean;
  failure: WorkerFailure | null;
}

const gatherMsMax = 1_000;
/** Readings are taken now and then, so that little is lost of what a worker has counted when it is killed. In ms. */
const readEveryMs = 1_000;

export function createHands(parts: HandsParts): Hands {
  const hands = new Map<number, Hand>();
  /** The counts of those that have ended. */
  let past: DataPlaneReading | null = null;
  const ticker = setInterval(() => void gather(), readEveryMs);
  ticker.unref();
  cluster.setupPrimary({
    exec: fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url)),
    args: [],
    serialization: "advanced",
  });

  function fork(id: number): void {
    const worker = cluster.fork();
    const hand: Hand = {
      worker,
      leavers: new Map(),
      reading: null,
      read: [],
      opened: false,
      ready: false,
      failure: null,
    };
    hands.set(id, hand);
    worker.on("message", (message: FromWorker) => hear(id, hand, message));
    worker.on("error", () => {}); // a message to one that has just ended
    worker.on("exit", (code, signal) => {
      hands.delete(id);
      for (const done of hand.read.splice(0)) done();
      if (hand.reading !== null) keep(hand.reading.dataPlane);
      const ended = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
      parts.exited(id, hand.failure?.message ?? ended, hand.failure);
    });
  }

  function keep(reading: DataPlaneReading): void {
    past = leftBehind(sumOf(past === null ? [reading] : [past, reading]) ?? reading, parts.serving());
  }

  function hear(id: number, hand: Hand, message: FromWorker): void {
    switch (message.type) {
      case "failed":
        hand.failure = message;
        break;
      case "left":
        if (hand.leavers.has(message.name)) hand.leavers.set(message.name, message.inFlight);
        break;
      case "reading":
        hand.reading = message.reading;
        for (const done of hand.read.splice(0)) done();
        break;
      default:
        if (message.type === "ready") hand.ready = true;
        parts.heard(id, message);
    }
  }

  function tell(id: number, message: ToWorker): void {
    const worker = hands.get(id)?.worker;
    if (worker?.isConnected()) worker.send(message);
  }

  async function gather(): Promise<void> {
    const answers = [...hands]
      .filter(([, { ready }]) => ready)
      .map(
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

  const readings = (): WorkerReading[] => [...hands.values()].flatMap(({ reading }) => reading ?? []);

  return {
    get size() {
      return hands.size;
    },
    fork,
    open(id, opening) {
      const hand = hands.get(id);
      if (hand !== undefined) hand.opened = true;
      tell(id, { type: "open", opening });
    },
    tell,
    tellAll(message) {
      for (const [id, { opened }] of hands) if (opened) tell(id, message);
    },
    kill: (id) => void hands.get(id)?.worker.process.kill("SIGKILL"),
    pids: () => [...hands.values()].filter(({ ready }) => ready).map(({ worker }) => worker.process.pid ?? 0),
    note({ name, state }) {
      for (const { leavers, opened } of hands.values()) {
        if (!opened) continue;
        // Until a worker has said how many it has there, it counts as busy.
        if (state === "draining") leavers.set(name, 1);
        if (state === "dead") leavers.delete(name);
      }
    },
    inFlightOf: (name) =>
      [...hands.values()].reduce(
        (sum, { leavers, reading }) => sum + (leavers.get(name) ?? reading?.inFlight.get(name) ?? 0),
        0,
      ),
    gather,
    readings,
    counted: () => sumOf([...(past === null ? [] : [past]), ...readings().map(({ dataPlane }) => dataPlane)]),
    close() {
      clearInterval(ticker);
      for (const { worker } of hands.values()) worker.process.kill("SIGKILL");
    },
  };
}
