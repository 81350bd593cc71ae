// Replicas as processes, seen from outside: by their command lines in /proc, never by what the front door says of them.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ProgramName } from "./operation.ts";
import type { Outside } from "./real-world.ts";

const replica = fileURLToPath(new URL("./real-replica.mjs", import.meta.url));

/** @param mark a word that no other run's replicas have on their command lines */
export function processesOutside(mark: string): Outside {
  const commandFor = (program: ProgramName) => [process.execPath, replica, program, mark];
  const paused = new Set<number>();

  function signal(pid: number | null, name: NodeJS.Signals): void {
    try {
      if (pid !== null) process.kill(pid, name);
    } catch {
      // It has ended meanwhile.
    }
  }

  return {
    flags: [],
    command: commandFor("works"),
    bodyFor: (program) => ({ command: commandFor(program) }),
    running: async () => replicasWith(mark),
    kill: async ({ pid }) => signal(pid, "SIGKILL"),
    async pause({ pid }) {
      if (pid !== null) paused.add(pid);
      signal(pid, "SIGSTOP");
    },
    async resume() {
      for (const pid of paused) signal(pid, "SIGCONT");
      paused.clear();
    },
    close: async () => {},
  };
}

function replicasWith(mark: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        if (!words.includes(mark) || !words.includes(replica) || words[1] !== replica) return [];
        const name = /(?:^|\0)SERVER_ID=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))?.[1];
        return name === undefined ? [] : [name];
      } catch {
        return []; // gone meanwhile
      }
    });
}
