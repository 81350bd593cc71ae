// What the figures were measured on: the machine, the programs, and how long its disk takes to sync.
import { type Hardware, hardware, said } from "../machine.ts";
import { type SyncTimes, timeSyncs } from "./disk-probe.ts";

export interface QueueMachine extends Hardware {
  readonly versions: Readonly<Record<string, string>>;
  readonly fileSystem: string;
  /** Of a write of 4 KB and its fdatasync, while nothing else was measured. */
  readonly syncMs: SyncTimes;
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
    syncMs: timeSyncs(folder, 300),
  };
}
