// What figures were measured on: the machine, and what its programs say of themselves.
import { spawnSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";

export interface Hardware {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
}

export function hardware(): Hardware {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}

/** `AMD EPYC, 2 cores, Node v20.20.2` */
export function machineText(): string {
  const { processor, cores } = hardware();
  return `${processor}, ${cores} cores, Node ${process.version}`;
}

/** What of the program's output the pattern's first group finds; `unknown` without it. */
export function said(command: string, args: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? "unknown";
}

export const isInstalled = (program: string): boolean => spawnSync("which", [program]).status === 0;
