// What the disk takes for one small synced write, while something else is measured: 4 KB appended and fdatasync, again and
// again with a pause in between, so that it adds next to nothing to the load. In a process of its own, by which neither
// holds the other up.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { quantile } from "./quantile.ts";

export interface SyncTimes {
  readonly median: number;
  readonly p99: number;
}

export interface DiskProbe {
  /** Ends it, and tells what it has seen. */
  end(): Promise<SyncTimes>;
}

const PAUSE_MS = 20;
const page = Buffer.alloc(4096, 1);
const program = fileURLToPath(import.meta.url);

const sumUp = (tookMs: readonly number[]): SyncTimes => ({
  median: quantile(tookMs, 0.5),
  p99: quantile(tookMs, 0.99),
});

/** In a file of this folder; resolves when it is at work. */
export async function probeDisk(folder: string): Promise<DiskProbe> {
  const args = ["--import", "tsx", program, join(folder, "disk-probe")];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  return {
    async end() {
      const told = once(lines, "line") as Promise<[string]>;
      child.stdin.end();
      return sumUp(JSON.parse((await told)[0]) as number[]);
    },
  };
}

/** Of so many synced writes, one right after the other. */
export function timeSyncs(folder: string, count: number): SyncTimes {
  const log = openLog(join(folder, "sync"));
  const tookMs = Array.from({ length: count }, log.append);
  log.remove();
  return sumUp(tookMs);
}

function openLog(path: string) {
  const file = openSync(path, "w");
  return {
    /** How long it took, in ms. */
    append(): number {
      const startedMs = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return performance.now() - startedMs;
    },
    remove(): void {
      closeSync(file);
      rmSync(path);
    },
  };
}

/** Until its input ends. */
function probe(path: string): void {
  const log = openLog(path);
  const tookMs: number[] = [];
  const timer = setInterval(() => tookMs.push(log.append()), PAUSE_MS);
  process.stdin.resume().on("end", () => {
    clearInterval(timer);
    log.remove();
    console.log(JSON.stringify(tookMs));
  });
  console.log("at work");
}

if (process.argv[1] === program) probe(process.argv[2] ?? "");
