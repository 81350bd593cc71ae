// What the end-to-end tests of the fleet need to know of real processes, and waiting for conditions.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const serverScript = fileURLToPath(new URL("./fixtures/server.mjs", import.meta.url));

/** Waits until `probe` gives something but undefined, null or false; fails with what was waited for. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  withinMs = 20_000,
): Promise<NonNullable<T>> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== null && value !== false) return value;
    if (performance.now() > untilMs) throw new Error(`Waited ${withinMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** True while the process runs (a zombie does not). */
export function isAlive(pid: number): boolean {
  return processTable().some((row) => row.pid === pid && !row.state.startsWith("Z"));
}

/** Live processes of a session; a replica's session id is the pid of its first process. */
export function sessionMembers(session: number): number[] {
  return processTable()
    .filter((row) => row.session === session && !row.state.startsWith("Z"))
    .map((row) => row.pid);
}

function processTable(): { pid: number; session: number; state: string }[] {
  const text = execFileSync("ps", ["-eo", "pid=,sess=,stat="], { encoding: "utf8" });
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [pid, session, state = ""] = line.trim().split(/\s+/);
      return { pid: Number(pid), session: Number(session), state };
    });
}
