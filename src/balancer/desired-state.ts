// Keeps the state file equal to what there should be. Replacements come in bursts and are written a moment later; a
// change that somebody asked for is on disk before it is answered. Nothing is written once the fleet begins to stop.
import { RoundhouseError } from "../errors.ts";
import type { DesiredReplica, Fleet } from "../fleet/fleet.ts";
import type { Log } from "../telemetry/log.ts";
import type { Config } from "./config.ts";
import { type StoredState, stateText, writeStateFile } from "./state-file.ts";

export interface DesiredState {
  /** Something may have changed. */
  note(): void;
  /** Resolves when what there should be now is on disk; rejects with STATE_NOT_SAVED. */
  save(): Promise<void>;
  /** Saves for the last time; nothing is written afterwards. */
  end(): Promise<void>;
}

/** How long changes are gathered, and how long to wait after a write that failed. In ms. */
const gatherMs = 100;
const retryMs = 5_000;

export function createDesiredState(
  path: string,
  read: () => StoredState,
  log: Pick<Log, "error">,
  writeFile: typeof writeStateFile = writeStateFile,
): DesiredState {
  let onDisk = "";
  let queue: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  async function write(): Promise<void> {
    const text = stateText(read());
    if (ended || text === onDisk) return;
    try {
      await writeFile(path, text);
      onDisk = text;
    } catch (cause) {
      const words = `The state file ${path} could not be written: ${(cause as Error).message}`;
      throw new RoundhouseError("STATE_NOT_SAVED", words, { retryable: true, cause });
    }
  }

  /** One write after another; each writes what holds when its turn comes. */
  function save(): Promise<void> {
    const mine = queue.then(write);
    queue = mine.catch(() => {});
    return mine;
  }

  function later(ms: number): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      save().catch((error: Error) => {
        log.error({ event: "state" }, `${error.message}; it is tried again`);
        if (!ended) later(retryMs);
      });
    }, ms);
    timer.unref();
  }

  return {
    note: () => {
      if (!ended) later(gatherMs);
    },
    save,
    end: async () => {
      clearTimeout(timer);
      await save().catch((error: Error) => log.error({ event: "state" }, error.message));
      ended = true;
    },
  };
}

/** Without a state file. */
export const unkept: DesiredState = { note: () => {}, save: async () => {}, end: async () => {} };

/** The fleet whose changes are on disk when they are done. */
export function savedChanges(
  fleet: Pick<Fleet, "replicas" | "serving" | "add" | "remove">,
  state: Pick<DesiredState, "save">,
): Pick<Fleet, "replicas" | "serving" | "add" | "remove"> {
  return {
    replicas: fleet.replicas,
    serving: fleet.serving,
    add: async (count, names) => {
      await fleet.add(count, names);
      await state.save();
    },
    remove: async (count, names) => {
      await fleet.remove(count, names);
      await state.save();
    },
  };
}

/** From the state file, or from what runs already. */
export interface RememberedFleet {
  readonly replicas: readonly StoredState["replicas"][number][];
  readonly replicasConfigured: number;
}

/**
 * The replicas to start with: those of the last run. When the configuration has since been given another number, it is
 * the newer word: the youngest are left out, or further ones join. Autoscale that was given none goes on from the last
 * count, within its bounds.
 */
export function replicasToStart(
  { replicas, replicasConfigured }: RememberedFleet,
  configured: number,
  { autoscale, replicas: given }: Pick<Config, "autoscale" | "replicas"> = {},
): DesiredReplica[] {
  const { min = 0, max = Number.POSITIVE_INFINITY } = autoscale ?? {};
  const first: DesiredReplica[] = replicas.map(({ name, seat, weight, revision }) => ({
    name,
    seat,
    ...(weight === undefined ? {} : { weight }),
    ...(revision === undefined ? {} : { revision }),
  }));
  const goesOn = replicasConfigured === configured || (autoscale !== undefined && given === undefined);
  const count = goesOn ? first.length : configured;
  const bounded = Math.min(max, Math.max(min, count));
  while (first.length < bounded) first.push(newcomer(first));
  return first.slice(0, bounded);
}

function newcomer(others: readonly DesiredReplica[]): DesiredReplica {
  const lowest = (taken: (number: number) => boolean) => {
    let number = 1;
    while (taken(number)) number += 1;
    return number;
  };
  const seat = lowest((number) => others.some((other) => other.seat === number));
  return { name: `S${lowest((number) => others.some((other) => other.name === `S${number}`))}`, seat };
}
