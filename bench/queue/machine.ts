// What the figures were measured on: the machine, the programs, and how long its disk takes to sync.
import { spawnSync } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { said } from "../proxy/machine.ts";
import { quantile } from "./quantile.ts";

export interface QueueMachine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly fileSystem: string;
  readonly syncMs: { readonly median: number; readonly p99: number };
}

export function describeMachine(folder: string): QueueMachine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    versions: {
      Node: process.version,
      "nats-server": said("nats-server", ["-v"], /v(\d\S+)/),
      "redis-server": said("redis-server", ["-v"], /v=(\S+)/),
      "rabbitmq-server": said("dpkg-query", ["-W", "-f", "$" + "{Version}", "rabbitmq-server"], /^(\d\S+)/),
      wrk: said("wrk", ["-v"], /wrk (\S+)/),
    },
    fileSystem: said("stat", ["-f", "-c", "%T", folder], /(\S+)/),
    syncMs: syncTimes(folder),
  };
}

/** Of 300 appends of 4 KB, each synced. */
function syncTimes(folder: string): QueueMachine["syncMs"] {
  const path = join(folder, "sync");
  const file = openSync(path, "w");
  const page = Buffer.alloc(4096, 1);
  const tookMs: number[] = [];
  for (let i = 0; i < 300; i++) {
    const startedMs = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    tookMs.push(performance.now() - startedMs);
  }
  closeSync(file);
  rmSync(path);
  return { median: quantile(tookMs, 0.5), p99: quantile(tookMs, 0.99) };
}

export const isInstalled = (program: string): boolean => spawnSync("which", [program]).status === 0;
