// A fleet under experiment: the product's own command line as a child process, on free ports, so that what is measured
// is what users run and the measuring disturbs it as little as one machine allows.
import { RoundhouseError } from "../errors.ts";
import { labCommand } from "./lab-fleet.ts";
import { type FleetGround, processReplicas, type ReplicaKind } from "./replica-kind.ts";
import { type LogLine, type ProductCommand, startProduct } from "./running-product.ts";

export interface ReplicaState {
  readonly name: string;
  readonly seat: number;
  readonly state: string;
  readonly share: number | null;
  readonly address: string | null;
  readonly pid: number | null;
}

export interface RunningFleet {
  readonly url: string;
  readonly adminUrl: string;
  /** Grows while it runs. */
  readonly log: readonly LogLine[];
  /** Replicas with a seat; and how many spares wait, healthy. */
  status(): Promise<{
    readonly replicas: readonly ReplicaState[];
    readonly spares: readonly { state: string }[];
  }>;
  /** POST /add of so many; resolves when they serve. */
  add(count: number): Promise<void>;
  /** Past the front door. */
  readonly harm: FleetGround["harm"];
  stop(): Promise<void>;
}

/**
 * Starts `roundhouse up` with these arguments. Its replicas are the built-in ones; with `lab`, they are lab-replica.ts with
 * that environment, and processes whatever the others are, since no image starts it.
 */
export type FleetStarter = (
  args: readonly string[],
  lab?: Readonly<Record<string, string>>,
) => Promise<RunningFleet>;

export function fleetStarter(
  command: ProductCommand,
  replicas: ReplicaKind,
  signal: AbortSignal,
): FleetStarter {
  return async (args, lab) => {
    const { flags, harm } = (lab === undefined ? replicas : processReplicas).newGround();
    const program = lab === undefined ? [] : ["--", ...labCommand(lab)];
    const fixed = ["up", "--host", "127.0.0.1", "--port", "0", "--admin-port", "0", "--log-format", "json"];
    const product = await startProduct(command, [...fixed, ...flags, ...args, ...program], "up", signal);
    const { port, admin } = product.opened as { port: number; admin: { port: number } };
    const url = `http://127.0.0.1:${port}`;
    await fetch(`${url}/rep`); // held until the first replicas have settled
    return runningFleet(url, `http://127.0.0.1:${admin.port}`, { ...product, harm });
  };
}

function runningFleet(
  url: string,
  adminUrl: string,
  { log, stop, harm }: Pick<RunningFleet, "log" | "stop" | "harm">,
): RunningFleet {
  return {
    url,
    adminUrl,
    log,
    stop,
    harm,
    status: async () =>
      (await fetch(`${adminUrl}/api/v1/status`)).json() as ReturnType<RunningFleet["status"]>,
    async add(count) {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${url}/add`, {
        method: "POST",
        headers,
        body: JSON.stringify({ n: count }),
      });
      if (answer.ok) return;
      const words = await answer.text();
      throw new RoundhouseError("START_FAILED", `The experiment could not add replicas: ${words}`);
    },
  };
}
