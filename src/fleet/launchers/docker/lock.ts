// One front door leads a fleet at a time. Two that lead the same containers would each replace what the other removes.
// The lock is a container that is never started: its name exists once, whoever asks first. A front door that was killed
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
import { type Engine, within } from "./engine.ts";
import { holderOfName, statusOf } from "./engine-errors.ts";

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

export interface LockOptions {
  readonly engine: Engine;
  readonly fleet: string;
  /** Id of an image that is there: no container can be made without one. */
  readonly image: string;
  readonly log: FleetLog;
}

/** Rejects with FLEET_LED when another front door leads the fleet, and with the engine's own error. */
export async function lockFleet(options: LockOptions): Promise<FleetLock> {
  const { engine, fleet, log } = options;
  const { docker } = engine;
  let id = await acquire(options);
  let lost = false;

  const remove = (container: string): Promise<void> =>
    within(docker.getContainer(container).remove({ force: true })).catch(() => {});

  /** Cleaned away, by "docker system prune" for one, or taken over by somebody who thought us dead. */
  async function again(): Promise<void> {
    const made = await make(options, "lock").catch((error: unknown) => {
      if (holderOfName(error) === undefined) throw error;
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
      const filters = { label: [`${label.fleet}=${fleet}`, label.role] };
      const marks = await within(docker.listContainers({ all: true, filters }));
      if (!marks.some(({ Id }) => Id === id)) await again();
      const questions = marks.filter(({ Labels }) => Labels[label.role] === "question");
      if (!lost) await Promise.all(questions.map(({ Id }) => remove(Id)));
    },
    release: () => (lost ? Promise.resolve() : remove(id)),
  };

  async function answer(which: string): Promise<void> {
    const seen = await within(docker.getContainer(which).inspect()).catch(() => undefined);
    if (seen?.Config.Labels[label.role] === "question") await remove(which);
  }
}

async function acquire(options: LockOptions): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await make(options, "lock");
    } catch (error) {
      const holder = holderOfName(error);
      if (holder === undefined || tries === triesMax) throw error;
      await supersede(options, holder);
    }
  }
}

/** Removes the lock of a holder that is dead; rejects when it lives. */
async function supersede(options: LockOptions, lock: string): Promise<void> {
  const container = options.engine.docker.getContainer(lock);
  const found = await within(container.inspect()).catch(() => undefined);
  if (found === undefined) return;
  const holder = found.Config.Labels[holderLabel];
  if (holder === undefined) throw notALock(found.Name.slice(1), options.fleet);
  if (isAlive(holder) ?? (await answers(options))) throw ledAlready(options.fleet, holder);
  await within(container.remove({ force: true })).catch(() => {});
}

function make({ engine, fleet, image }: LockOptions, role: "lock" | "question"): Promise<string> {
  // Without the containers' prefix: whose containers are whose, labels with the fleet's name say, and nothing else.
  const lock = `${fleet}.front-door`;
  const request = {
    name: role === "lock" ? lock : `${lock}.question-${randomBytes(4).toString("hex")}`,
    Image: image,
    Cmd: ["is never started: see docs/docker.md of Roundhouse"],
    Labels: { [label.fleet]: fleet, [label.role]: role, [holderLabel]: identity() },
    HostConfig: { NetworkMode: "none" },
  };
  return within(engine.docker.createContainer(request)).then(({ id }) => id);
}

async function answers(options: LockOptions): Promise<boolean> {
  const question = options.engine.docker.getContainer(await make(options, "question"));
  const untilMs = performance.now() + answerDeadlineMs;
  while (performance.now() < untilMs) {
    await pause(lookEveryMs);
    const gone = await within(question.inspect()).then(
      () => false,
      (error: unknown) => statusOf(error) === 404,
    );
    if (gone) return true;
  }
  await within(question.remove({ force: true })).catch(() => {});
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

function notALock(name: string, fleet: string): RoundhouseError {
  return new RoundhouseError(
    "FLEET_LED",
    `The fleet "${fleet}" cannot be led: its mark would be a container named ${name}, and there is one that is not ours; rename that, or use another --fleet`,
  );
}
