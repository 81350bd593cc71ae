// What the figures were measured on: the machine, the programs, and how long its disk takes to sync.
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Hardware, hardware, said } from "../machine.ts";
import { quantile } from "./quantile.ts";

export interface QueueMachine extends Hardware {
  readonly versions: Readonly<Record<string, string>>;
  readonly fileSystem: string;
  readonly syncMs: { readonly median: number; readonly p99: number };
}

export function describeMachine(folder: string): QueueMachine {
  return {
    ...hardware(),
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
