// What the figures were measured on, for the head of the results.
import { spawnSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly nginx: string;
  readonly haproxy: string;
  readonly httpProxy: string;
  readonly wrk: string;
}

export function said(command: string, args: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? "unknown";
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    nginx: said("nginx", ["-v"], /nginx\/(\S+)/),
    haproxy: said("haproxy", ["-v"], /HAProxy version (\S+)/),
    httpProxy: said("npm", ["ls", "http-proxy", "--depth=0"], /http-proxy@(\S+)/),
    wrk: said("wrk", ["-v"], /wrk (\S+)/),
  };
}

/** Throws when a program that the benchmark starts is not installed. */
export function requirePrograms(programs: readonly string[]): void {
  const missing = programs.filter((program) => spawnSync("which", [program]).status !== 0);
  if (missing.length > 0) {
    throw new Error(
      `The proxy benchmark needs ${missing.join(", ")}: install them, or leave them out with --only.`,
    );
  }
}
