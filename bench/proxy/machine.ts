// What the figures were measured on, for the head of the results.
import { type Hardware, hardware, isInstalled, said } from "../machine.ts";

export interface Machine extends Hardware {
  readonly node: string;
  readonly nginx: string;
  readonly haproxy: string;
  readonly httpProxy: string;
  readonly wrk: string;
}

export function describeMachine(): Machine {
  return {
    ...hardware(),
    node: process.version,
    nginx: said("nginx", ["-v"], /nginx\/(\S+)/),
    haproxy: said("haproxy", ["-v"], /HAProxy version (\S+)/),
    httpProxy: said("npm", ["ls", "http-proxy", "--depth=0"], /http-proxy@(\S+)/),
    wrk: said("wrk", ["-v"], /wrk (\S+)/),
  };
}

/** Throws when a program that the benchmark starts is not installed. */
export function requirePrograms(programs: readonly string[]): void {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length > 0) {
    throw new Error(
      `The proxy benchmark needs ${missing.join(", ")}: install them, or leave them out with --only.`,
    );
  }
}
