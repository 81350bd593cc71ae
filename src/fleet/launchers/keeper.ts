// The keeper: a small process that outlives the front door by a moment, to end what it leaves. Node has no
// parent-death signal, and a process killed with SIGKILL cannot clean up. So the keeper, in a session of its own,
// reads a pipe whose only writer is the front door; at its end of file it signals every process group it knows.
//
// It is a shell script and not a Node program because it is there all the time: dash needs 1.7 MB of memory, an
// idle Node 45 MB or more. The script is fixed text; nothing that a user can choose reaches it but numbers.
import { type ChildProcess, spawn } from "node:child_process";
import type { FleetLog } from "../fleet.ts";
import { statOf } from "./procfs.ts";

/**
 * Lines on its input: `+ GROUP START` guards a process group whose first process started at START (clock ticks
 * from boot, 0: unknown), `- GROUP` forgets it. A group is signalled unless its number now belongs to a process
 * with another start time. (No new process gets the number while any of the group lives.)
 */
const script = `
groups=
while read -r sign group start; do
  case $sign in
    +) groups="$groups $group:$start" ;;
    -) kept=
       for each in $groups; do case $each in $group:*) ;; *) kept="$kept $each" ;; esac; done
       groups=$kept ;;
  esac
done
ours() {
  [ "$2" != 0 ] || return 0
  read -r line 2>/dev/null < "/proc/$1/stat" || return 0
  set -- "$2" \${line##*) }
  [ "$1" = "\${21}" ]
}
signal() {
  for each in $groups; do
    if ours "\${each%%:*}" "\${each##*:}"; then kill -s "$1" -- "-\${each%%:*}" 2>/dev/null; fi
  done
}
[ -n "$groups" ] || exit 0
signal TERM
signal CONT
sleep 1
signal KILL
`;

/** After this many keepers that ended within {@link shortLifeMs} of each other, no more are started. */
const shortLivesMax = 5;
const shortLifeMs = 1_000;

export interface Keeper {
  /** From now on this group ends with us. Call in the turn in which its first process was started. */
  guard(group: number): void;
  /** Every process of the group is gone. */
  release(group: number): void;
  /** The keeper's process id, or null: there is none (no /bin/sh, or it cannot stay alive). */
  readonly pid: number | null;
  /** Ends the keeper, which signals what it still guards. */
  close(): void;
}

export function createKeeper(log: FleetLog): Keeper {
  const guarded = new Map<number, string>();
  let keeper: ChildProcess | null = null;
  let closed = false;
  let shortLives = 0;

  function start(): void {
    const startedMs = performance.now();
    const child = spawn("/bin/sh", ["-c", script, "roundhouse-keeper"], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      cwd: "/",
      env: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    });
    keeper = child;
    let over = false;
    const ended = (why: string): void => {
      if (over) return;
      over = true;
      keeper = null;
      if (closed) return;
      shortLives = performance.now() - startedMs < shortLifeMs ? shortLives + 1 : 0;
      if (shortLives < shortLivesMax) start();
      else log.error({ why }, "There is no keeper: if the front door is killed, its replicas may outlive it");
    };
    child.on("error", (error) => ended(error.message));
    child.on("exit", (code, signal) => ended(`ended by ${signal ?? `code ${code}`}`));
    // A write to a keeper that has just ended: its successor is told everything.
    child.stdin?.on("error", () => {});
    child.unref();
    for (const line of guarded.values()) child.stdin?.write(line);
    (child.stdin as { unref?: () => void } | null)?.unref?.();
  }

  start();
  return {
    guard(group) {
      const line = `+ ${group} ${statOf(group)?.startTicks ?? 0}\n`;
      guarded.set(group, line);
      keeper?.stdin?.write(line);
    },
    release(group) {
      if (guarded.delete(group)) keeper?.stdin?.write(`- ${group}\n`);
    },
    get pid() {
      return keeper?.pid ?? null;
    },
    close() {
      closed = true;
      keeper?.stdin?.end();
    },
  };
}
