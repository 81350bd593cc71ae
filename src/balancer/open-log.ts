// The log of a command that runs until it is stopped: JSON lines for programs, one line of words on a terminal.

import { createLog, type OwnedLog } from "../telemetry/log.ts";
import type { Config } from "./config.ts";

export function openLog({ log = {} }: Config): OwnedLog {
  const onTerminal = process.stderr.isTTY === true;
  const format =
    log.format === undefined || log.format === "auto" ? (onTerminal ? "pretty" : "json") : log.format;
  const level = log.level ?? "info";
  return createLog({ level, destination: 2, format: format === "pretty" && onTerminal ? "colour" : format });
}
