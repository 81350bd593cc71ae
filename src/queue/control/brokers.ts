// The broker processes that there should be: started, started again when they end, added and removed while others
// serve. The second fleet of the program; the first one is src/fleet. They share the keeper, the probe, the back-off
// and the handling of output. They do not share the lifecycle: a replica is replaced before the old one is gone, under
// a new name; a broker keeps its name, and nothing of it is given to anyone before its process has exited.
import { RoundhouseError } from "../../errors.ts";
import { pauseMs, strikesAfterDeath, strikesAfterFailedStart } from "../../fleet/backoff.ts";
import { createKeeper } from "../../fleet/launchers/keeper.ts";
import type { Log } from "../../telemetry/log.ts";
import type { BrokerSettings, FromBroker } from "../broker/messages.ts";
import { workedOn } from "../broker/work-marks.ts";
import { checkName } from "../names.ts";
import { NO_TABLET, type OwnershipEvent } from "../ownership.ts";
import { type BrokerEnd, type BrokerProcess, startBrokerProcess } from "./broker-process.ts";
import type { ProcessRecord } from "./survivors.ts";

export interface Member {
  readonly name: string;
  /** On the ring: the lowest free one when it was added; kept by each process of this name. */
  readonly seat: number;
  /** Null between two processes. */
  process: BrokerProcess | null;
  /** Where its process listens; null until it has reported. */
  address: { readonly host: string; readonly port: number } | null;
  /** False: it is to leave, and will not be started again. */
  wanted: boolean;
}

interface Life extends Member {
  strikes: number;
  /** Processes in a row that ended before they reported. */
  failedStarts: number;
  /** When its process reported, ms of performance.now(); 0: it has not. */
  liveAtMs: number;
  /** Tablet that it was killed for. */
  killedFor: number | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Called when it serves, has been told to stop, or is gone. */
  readonly watchers: Set<() => void>;
}

export interface BrokersOptions {
  readonly settings: Omit<BrokerSettings, "name">;
  readonly tabletCount: number;
  readonly record: ProcessRecord;
  readonly log: Log;
  readonly happen: (event: OwnershipEvent) => void;
  readonly onMessage: (broker: Member, message: FromBroker) => void;
  /** Its process has ended; before the event of that. */
  readonly onExit: (broker: Member) => void;
  readonly changed: () => void;
}

export interface Brokers {
  list(): readonly Member[];
  /** With those that have been told to end and finish what they have. */
  everyone(): readonly Member[];
  get(name: string): Member | null;
  /** Resolves when it serves. NAME_TAKEN, BAD_REQUEST, FULL; START_FAILED, TIMEOUT: and then there is none. */
  add(name: string): Promise<void>;
  /** Resolves when its tablets have left it. NOT_FOUND. */
  remove(name: string): Promise<void>;
  /** Starts it without waiting, and for as long as it takes. */
  begin(name: string): void;
  kill(name: string, reason: string, during?: number): void;
  /** It owns nothing: it finishes what is under way, and ends. Its name is free from now on. */
  stop(name: string): void;
  readonly respawns: number;
  /** Resolves when all processes are gone; those that are there after the deadline are killed. A second call may hurry. */
  close(deadlineMs: number): Promise<void>;
}

const BROKERS_MAX = 64;
const ADD_DEADLINE_MS = 15_000;
/** From "stop" to SIGKILL: longer than a broker waits for its requests. */
const STOP_DEADLINE_MS = 12_000;
/** A broker that is being added and fails so often in a row will not come up. */
const FAILED_STARTS_MAX = 3;

export function createBrokers(options: BrokersOptions): Brokers {
  const { settings, tabletCount, record, log, happen } = options;
  const members = new Map<string, Life>();
  /** Those that own nothing any more and finish what they have; another process may bear the same name. */
  const leavers = new Set<Life>();
  const keeper = createKeeper(log);
  let respawns = 0;
  let closed: Promise<void> | null = null;

  function create(name: string): Life {
    const taken = new Set([...members.values()].map((one) => one.seat));
    let seat = 1;
    while (taken.has(seat)) seat++;
    const life: Life = {
      name,
      seat,
      process: null,
      address: null,
      wanted: true,
      strikes: 0,
      failedStarts: 0,
      liveAtMs: 0,
      killedFor: undefined,
      timer: undefined,
      watchers: new Set(),
    };
    members.set(name, life);
    start(life);
    return life;
  }

  function start(life: Life): void {
    life.timer = undefined;
    life.killedFor = undefined;
    const process = startBrokerProcess({ ...settings, name: life.name }, tabletCount, log, {
      onMessage(message) {
        if (message.kind === "ready") reported(life, message);
        else options.onMessage(life, message);
      },
      onSuspected(reason) {
        if (leavers.has(life)) life.process?.kill();
        else if (life.address === null) kill(life.name, reason);
        else happen({ kind: "suspected", broker: life.name, reason });
      },
      onExit: (reason, end) => exited(life, reason, end),
    });
    life.process = process;
    if (process.pid === null) return;
    keeper.guard(process.pid);
    writeDown(life.name, process);
    options.changed();
  }

  /** One that nobody would find after a crash of ours must not open anything: it ends, and another is tried. */
  function writeDown(name: string, process: BrokerProcess & { readonly pid: number | null }): void {
    try {
      if (process.pid !== null) record.began(process.pid);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.error(
        { event: "broker", broker: name },
        `Broker ${name} could not be written down in brokers.json: ${why}`,
      );
      process.kill();
    }
  }

  function reported(life: Life, address: { host: string; port: number }): void {
    life.address = { host: address.host, port: address.port };
    life.liveAtMs = performance.now();
    life.failedStarts = 0;
    log.info({ event: "broker", broker: life.name, pid: life.process?.pid }, `Broker ${life.name} serves`);
    happen({ kind: "joined", broker: life.name, seat: life.seat });
    if (!life.wanted) happen({ kind: "leave", broker: life.name });
    tell(life);
  }

  /** The tablet to blame, if one is; see the ownership event "exited". */
  function blamed(life: Life, end: BrokerEnd): { during?: number } {
    const during = life.killedFor ?? (end === "asked" ? NO_TABLET : undefined);
    const marked = during ?? (end === "faulted" ? workedOn(settings.dataDir, life.name) : undefined);
    return marked === undefined ? {} : { during: marked };
  }

  function exited(life: Life, reason: string, end: BrokerEnd): void {
    const pid = life.process?.pid ?? null;
    if (pid !== null) {
      record.ended(pid);
      keeper.release(pid);
    }
    options.onExit(life);
    const served = life.address !== null;
    life.process = null;
    life.address = null;
    clearTimeout(life.timer);
    if (!leavers.delete(life)) {
      happen({ kind: "exited", broker: life.name, ...blamed(life, end) });
      if (life.wanted) again(life, served, reason);
      else members.delete(life.name);
    }
    options.changed();
    tell(life);
  }

  function again(life: Life, served: boolean, reason: string): void {
    life.strikes = served
      ? strikesAfterDeath(life.strikes, performance.now() - life.liveAtMs)
      : strikesAfterFailedStart(life.strikes);
    if (!served) life.failedStarts++;
    const inMs = pauseMs(life.strikes, Math.random());
    log.warn(
      { event: "broker", broker: life.name, inMs },
      `Broker ${life.name} ${reason}; it is started again`,
    );
    respawns++;
    life.timer = setTimeout(start, inMs, life);
  }

  function kill(name: string, reason: string, during?: number): void {
    const life = members.get(name);
    if (life === undefined) return;
    life.killedFor = during;
    log.warn({ event: "broker", broker: name }, `Broker ${name} is killed: ${reason}`);
    life.process?.kill();
  }

  const tell = (life: Life): void => {
    for (const watcher of [...life.watchers]) watcher();
  };

  /** Resolves when `isSo`, looked at with each change of this broker; with false after the deadline, if there is one. */
  function until(life: Life, isSo: () => boolean, deadlineMs?: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (value: boolean): void => {
        clearTimeout(timer);
        life.watchers.delete(look);
        resolve(value);
      };
      const look = (): void => {
        if (isSo()) end(true);
      };
      const timer = deadlineMs === undefined ? undefined : setTimeout(end, deadlineMs, false);
      life.watchers.add(look);
      look();
    });
  }

  const isGone = (life: Life) => () => members.get(life.name) !== life && !leavers.has(life);

  async function add(name: string): Promise<void> {
    checkName("broker", name);
    const old = members.get(name);
    if (old?.wanted === true) throw taken(name);
    if (old !== undefined) await until(old, () => members.get(name) !== old, ADD_DEADLINE_MS);
    if (members.has(name)) throw taken(name);
    if (members.size >= BROKERS_MAX) throw tooMany(name);
    const life = create(name);
    const decided = () => life.address !== null || !life.wanted || life.failedStarts >= FAILED_STARTS_MAX;
    const inTime = await until(life, decided, ADD_DEADLINE_MS);
    if (life.address !== null) return;
    drop(life);
    throw notStarted(name, inTime);
  }

  /** Ends a broker that owns nothing. */
  function drop(life: Life): void {
    life.wanted = false;
    clearTimeout(life.timer);
    if (life.process === null) members.delete(life.name);
    else life.process.kill();
    options.changed();
  }

  async function remove(name: string): Promise<void> {
    const life = members.get(name);
    if (life === undefined || !life.wanted) throw notFound(name, [...members.keys()]);
    if (life.address === null) drop(life);
    else {
      life.wanted = false;
      happen({ kind: "leave", broker: name });
    }
    tell(life);
    // The reducer's own deadlines end it: a broker that does not close in time is killed.
    await until(life, () => members.get(name) !== life);
  }

  function stop(name: string): void {
    const life = members.get(name);
    if (life === undefined) return;
    members.delete(name);
    leavers.add(life);
    // It has let go of everything, which is as good as gone: the name is free.
    happen({ kind: "exited", broker: name, during: NO_TABLET });
    options.changed();
    tell(life);
    // In a later turn: who asked for the removal may be this broker itself, and gets its answer first.
    setImmediate(() => life.process?.send({ kind: "stop" }));
    life.timer = setTimeout(() => life.process?.kill(), STOP_DEADLINE_MS);
  }

  const everyone = (): readonly Life[] => [...members.values(), ...leavers];

  function killAll(): void {
    for (const life of everyone()) life.process?.kill();
  }

  async function closeAll(): Promise<void> {
    const gone = everyone().map((life) => until(life, isGone(life)));
    for (const { name, wanted } of [...members.values()]) if (wanted) void remove(name).catch(() => {});
    await Promise.all(gone);
    keeper.close();
  }

  return {
    list: () => [...members.values()],
    everyone,
    get: (name) => members.get(name) ?? null,
    add,
    remove,
    begin: (name) => void create(name),
    kill,
    stop,
    get respawns() {
      return respawns;
    },
    close(deadlineMs) {
      setTimeout(killAll, deadlineMs).unref();
      closed ??= closeAll();
      return closed;
    },
  };
}

function taken(name: string): RoundhouseError {
  const text = `Cannot add broker "${name}": it exists`;
  return new RoundhouseError("NAME_TAKEN", text, { source: "downstream" });
}

function notFound(name: string, names: readonly string[]): RoundhouseError {
  const there = names.length === 0 ? "there are none" : `there are ${names.join(", ")}`;
  const text = `Cannot find broker "${name}": it does not exist; ${there}`;
  return new RoundhouseError("NOT_FOUND", text, { source: "downstream" });
}

function tooMany(name: string): RoundhouseError {
  const text = `Cannot add broker "${name}": there are ${BROKERS_MAX}, and no more are accepted`;
  return new RoundhouseError("FULL", text, { source: "downstream" });
}

function notStarted(name: string, failed: boolean): RoundhouseError {
  const why = failed
    ? "its process ends as soon as it is started"
    : `it did not serve within ${ADD_DEADLINE_MS} ms`;
  return new RoundhouseError(
    failed ? "START_FAILED" : "TIMEOUT",
    `Cannot add broker "${name}": ${why}; see the log`,
  );
}
