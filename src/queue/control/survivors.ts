// Broker processes that outlived their control plane. They end with it, by a closed channel or by the keeper; but one
// that is stopped, when the keeper was killed too, may still hold its tablets. So each is written down before it is
// given any, and whoever takes the data directory next ends those that are left before it opens anything.
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { RoundhouseError } from "../../errors.ts";
import type { Log } from "../../telemetry/log.ts";
import { startOf } from "../process-start.ts";

export interface ProcessRecord {
  /** Writes down that this process is a broker here. Throws what the system says; then it must be given no tablets. */
  began(pid: number): void;
  /** One that stays written down is told from a later process of its number. */
  ended(pid: number): void;
  close(): void;
}

/** Some hundred processes. */
const RECORD_BYTES = 16 * 1024;

interface Recorded {
  readonly pid: number;
  readonly started: string;
}

const EXIT_DEADLINE_MS = 10_000;
const POLL_MS = 10;

/** The caller holds the directory's lock. Survives a crash of ours, not of the machine: then they are gone as well. */
export function recordProcesses(dataDir: string): ProcessRecord {
  const file = openSync(recordPath(dataDir), constants.O_RDWR | constants.O_CREAT, 0o600);
  const known = new Map<number, Recorded>();
  const write = (): void => {
    const text = JSON.stringify([...known.values()]);
    // In place and always of one size: a full disk has no room for a new file.
    writeSync(file, text.padEnd(RECORD_BYTES), 0);
  };
  write();
  return {
    began(pid) {
      known.set(pid, { pid, started: startOf(pid) });
      write();
    },
    ended(pid) {
      try {
        if (known.delete(pid)) write();
      } catch {
        // The next one leaves it out.
      }
    },
    close: () => closeSync(file),
  };
}

/** Ends what is left of the last control plane's brokers. Rejects with START_FAILED when one cannot be ended. */
export async function endSurvivors(dataDir: string, log: Log): Promise<void> {
  const survivors = recorded(recordPath(dataDir)).filter(isThere);
  if (survivors.length === 0) return;
  const pids = survivors.map(({ pid }) => pid);
  log.warn({ event: "survivors", pids }, `Ending ${pids.length} brokers that an earlier run has left`);
  for (const survivor of survivors) kill(survivor);
  const untilMs = performance.now() + EXIT_DEADLINE_MS;
  while (survivors.some(isThere)) {
    if (performance.now() > untilMs) throw stillThere(dataDir, survivors.filter(isThere));
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const recordPath = (dataDir: string): string => join(dataDir, "brokers.json");

const isThere = ({ pid, started }: Recorded): boolean => started !== "" && startOf(pid) === started;

function recorded(path: string): Recorded[] {
  try {
    const list: unknown = JSON.parse(readFileSync(path, "utf8"));
    return Array.isArray(list) ? list.filter(isRecorded) : [];
  } catch {
    return [];
  }
}

function isRecorded(value: unknown): value is Recorded {
  const { pid, started } = (value ?? {}) as Partial<Recorded>;
  return Number.isInteger(pid) && (pid ?? 0) > 1 && typeof started === "string";
}

function kill({ pid }: Recorded): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just gone.
  }
}

function stillThere(dataDir: string, survivors: readonly Recorded[]): RoundhouseError {
  const pids = survivors.map(({ pid }) => pid).join(", ");
  const text =
    `Cannot open the data directory ${dataDir}: brokers of an earlier run are still there after SIGKILL ` +
    `(process ${pids}), and may hold its files; end them and start again`;
  return new RoundhouseError("START_FAILED", text);
}
