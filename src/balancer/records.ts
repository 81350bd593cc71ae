// What is remembered for those who look: the traffic of the last quarter of an hour, and the lives of replicas. It reads
// counters that are kept anyway, every two seconds; a request knows nothing of it. What is told of it is records-api.ts.
import { type Chronicle, createChronicle } from "../fleet/chronicle.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import { latencyBucketsS } from "../proxy/upstream.ts";
import { createHistory, type History, historyStepMs } from "../telemetry/history.ts";
import type { Log } from "../telemetry/log.ts";
import { createTrafficSteps, type TrafficReading } from "../telemetry/traffic-step.ts";
import type { DataPlane } from "./data-plane.ts";
import type { QueueHouse } from "./queue-house.ts";

export interface RecordsParts {
  readonly fleet: Pick<Fleet, "onChange" | "desiredCount">;
  readonly launcher: Pick<Launcher, "outputOf">;
  readonly dataPlane: Pick<DataPlane, "table" | "read">;
  /** Fetches the counters of the workers; undefined: there are none. */
  readonly gather: (() => Promise<void>) | undefined;
  readonly queue: Pick<QueueHouse, "figures"> | null;
  readonly log: Pick<Log, "error">;
}

export interface Records {
  readonly history: Pick<History, "latest" | "report" | "replica">;
  readonly chronicle: Omit<Chronicle, "note">;
  /** See {@link Launcher.outputOf}; null also where nobody sees what replicas write. */
  readonly outputOf: NonNullable<Launcher["outputOf"]>;
  /** From now on counters are read. */
  begin(): void;
  close(): void;
}

/** Lives are noted at once: call it before the first replica is started. */
export function keepRecords(parts: RecordsParts): Records {
  const history = createHistory();
  const chronicle = createChronicle();
  parts.fleet.onChange(chronicle.note);
  const steps = createTrafficSteps(latencyBucketsS);
  let timer: NodeJS.Timeout | undefined;
  let gathering = false;

  async function tick(): Promise<void> {
    if (gathering) return; // workers that are slow to answer
    gathering = true;
    await parts.gather?.();
    gathering = false;
    take();
  }

  function take(): void {
    const step = steps(readTraffic(parts));
    if (step !== null) history.push(step);
  }

  const failed = (error: Error) =>
    parts.log.error({ event: "history", err: error }, "A step of the history was lost");
  return {
    history,
    chronicle,
    outputOf: (name) => parts.launcher.outputOf?.(name) ?? null,
    begin: () => {
      timer = setInterval(() => void tick().catch(failed), historyStepMs).unref();
    },
    close: () => clearInterval(timer),
  };
}

function readTraffic({ fleet, dataPlane, queue }: RecordsParts): TrafficReading {
  const { table } = dataPlane;
  const { traffic, ownAnswers, retries, ejections, hashing, connections, waiting } = dataPlane.read();
  return {
    atMs: Math.round(performance.timeOrigin + performance.now()),
    traffic,
    ownAnswers,
    retries,
    ejections: sumOf(ejections),
    overflowed: hashing.overflowed,
    connections,
    inFlight: new Map(table.current.replicas.map(({ name }) => [name, table.inFlightOf(name)])),
    waiting: sumOf(waiting),
    desired: fleet.desiredCount,
    queue: queue?.figures() ?? null,
  };
}

function sumOf(figures: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const each of figures.values()) sum += each;
  return sum;
}
