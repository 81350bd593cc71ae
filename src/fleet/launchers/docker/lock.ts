// One front door leads a fleet at a time. Two that lead the same containers would each replace what the other removes.
// The lock is a container that is never started (in a swarm, a service without tasks): its name exists once, whoever asks first. A front door that was killed
// leaves it behind, so a newcomer that finds it must know whether its holder lives: by the process table where both
// share one, else by asking: it makes a second container, the question, and a holder that lives removes it.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { RoundhouseError } from "../../../errors.ts";
import type { FleetLog } from "../../fleet.ts";
import { runId } from "../leftovers.ts";
import { pidNamespace, statOf } from "../procfs.ts";
import { label } from "./container-spec.ts";

/** A holder that lives answers within this time, in ms. */
const answerDeadlineMs = 2_000;
const lookEveryMs = 50;
/** Newcomers that take the lock from a dead holder at the same moment: so often each tries. */
const triesMax = 5;

const holderLabel = "roundhouse.front-door";

export interface FleetLock {
  /** Another front door leads the fleet: nothing may be started or ended any more. */
  readonly lost: boolean;
  /** The engine tells of a container that is no replica. */
  heard(what: "create" | "destroy", id: string): void;
  /** Answers what was asked, and makes the lock anew when somebody has cleaned it away. */
  check(): Promise<void>;
  release(): Promise<void>;
}

/** What locks and questions are made of. Calls reject with the engine's own error. */
export interface Marks {
  /** For people. */
  readonly what: "container" | "service";
  /** Gives its id. */
  make(name: string, labels: Record<string, string>): Promise<string>;
  /** Undefined: there is none. */
  find(id: string): Promise<Mark | undefined>;
  /** All that the fleet has, replicas too. */
  list(): Promise<Mark[]>;
  remove(id: string): Promise<void>;
  /** By what {@link Marks.find} finds the one that has the name already; undefined: the error is about something else. */
  holderOf(error: unknown): string | undefined;
}

interface Mark {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface LockOptions {
  readonly marks: Marks;
  readonly fleet: string;
  readonly log: FleetLog;
}

/** Rejects with FLEET_LED when another front door leads the fleet, and with the engine's own error. */
export async function lockFleet(options: LockOptions): Promise<FleetLock> {
  const { marks, fleet, log } = options;
  let id = await acquire(options);
  let lost = false;

  const remove = (mark: string): Promise<void> => marks.remove(mark).catch(() => {});

  /** Cleaned away, by "docker system prune" for one, or taken over by somebody who thought us dead. */
  async function again(): Promise<void> {
    const made = await make(options, "lock").catch((error: unknown) => {
      if (marks.holderOf(error) === undefined) throw error;
      return undefined;
    });
    if (made !== undefined) id = made;
    lost = made === undefined;
    if (lost) {
      log.error(
        { event: "engine" },
        `Another front door leads the fleet "${fleet}" now: this one starts and ends nothing any more; stop one of them`,
      );
    }
  }

  return {
    get lost() {
      return lost;
    },
    heard(what, which) {
      if (what === "create" && which !== id && !lost) void answer(which);
    },
    async check() {
      if (lost) return;
      const all = await marks.list();
      if (!all.some((mark) => mark.id === id)) await again();
      const questions = all.filter(({ labels }) => labels[label.role] === "question");
      if (!lost) await Promise.all(questions.map((question) => remove(question.id)));
    },
    release: () => (lost ? Promise.resolve() : remove(id)),
  };

  async function answer(which: string): Promise<void> {
    const seen = await marks.find(which).catch(() => undefined);
    if (seen?.labels[label.role] === "question") await remove(which);
  }
}

async function acquire(options: LockOptions): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await make(options, "lock");
    } catch (error) {
      const holder = options.marks.holderOf(error);
      if (holder === undefined || tries === triesMax) throw error;
      await supersede(options, holder);
    }
  }
}

/** Removes the lock of a holder that is dead; rejects when it lives. */
async function supersede(options: LockOptions, lock: string): Promise<void> {
  const { marks, fleet } = options;
  const found = await marks.find(lock).catch(() => undefined);
  if (found === undefined) return;
  const holder = found.labels[holderLabel];
  if (holder === undefined) throw notALock(`${marks.what} named ${found.name}`, fleet);
  if (isAlive(holder) ?? (await answers(options))) throw ledAlready(fleet, holder);
  await marks.remove(found.id).catch(() => {});
}

function make({ marks, fleet }: LockOptions, role: "lock" | "question"): Promise<string> {
  // Without the containers' prefix: whose containers are whose, labels with the fleet's name say, and nothing else.
  const lock = `${fleet}.front-door`;
  const name = role === "lock" ? lock : `${lock}.question-${randomBytes(4).toString("hex")}`;
  return marks.make(name, { [label.fleet]: fleet, [label.role]: role, [holderLabel]: identity() });
}

async function answers(options: LockOptions): Promise<boolean> {
  const { marks } = options;
  const question = await make(options, "question");
  const untilMs = performance.now() + answerDeadlineMs;
  while (performance.now() < untilMs) {
    await pause(lookEveryMs);
    const gone = await marks.find(question).then(
      (seen) => seen === undefined,
      () => false,
    );
    if (gone) return true;
  }
  await marks.remove(question).catch(() => {});
  return false;
}

/** `host/boot/pid/start/namespace`: which process of which machine; boot is the same in all containers of a machine. */
function identity(): string {
  return [hostname(), bootId(), runId()].join("/");
}

/** Undefined: cannot be known from here. */
function isAlive(holder: string): boolean | undefined {
  const [host, boot, pid, start, namespace] = holder.split("/");
  if (boot === "" || boot !== bootId()) return undefined;
  if (namespace === pidNamespace()) return statOf(Number(pid))?.startTicks === Number(start);
  // A container is named after its id: another process namespace under its name is an earlier start of it.
  return host === hostname() && /^[0-9a-f]{12}$/.test(host) ? false : undefined;
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

function ledAlready(fleet: string, holder: string): RoundhouseError {
  const [host, , pid] = holder.split("/");
  return new RoundhouseError(
    "FLEET_LED",
    `The fleet "${fleet}" on this Docker engine is led by another front door, process ${pid} on ${host}: stop that one first, or give this one another name with --fleet, and its containers another --container-prefix`,
    { retryable: true },
  );
}

function notALock(holder: string, fleet: string): RoundhouseError {
  return new RoundhouseError(
    "FLEET_LED",
    `The fleet "${fleet}" cannot be led: there is a ${holder} that is not ours, and its mark would have that name; rename that, or use another --fleet`,
  );
}
