// What the engine tells of our containers, as it happens. Docker's event stream ends when the engine does, and tells
// nothing of what happened meanwhile. So whenever it is opened, and every few seconds besides, all containers are
// listed and compared: an engine that hangs, or a stream that has died silently, is noticed by that.
import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import type { FleetLog } from "../../fleet.ts";
import { label } from "./container-spec.ts";
import { type Engine, within } from "./engine.ts";
import { engineTrouble } from "./engine-errors.ts";
import { createObituaries, type EngineEvent, eventsIn } from "./engine-events.ts";

/** From one comparison to the next, in ms. */
const compareEveryMs = 10_000;
/** What is asked for. */
const actions = ["create", "destroy", "die", "oom"] as const;
/** Between two attempts to reach the engine, in ms. */
const retryMsMin = 100;
const retryMsMax = 2_000;

export interface EngineListener {
  /** A container of the fleet has ended. */
  died(id: string, reason: string): void;
  /** A container of the fleet by which front doors agree; see lock.ts. */
  marked(what: "create" | "destroy", id: string): void;
  /** All containers of replicas, running or not; nothing that began after `asOfMs` (performance.now) need be among them. */
  listed(containers: readonly Docker.ContainerInfo[], asOfMs: number): Promise<void> | void;
}

export interface EngineWatch {
  /** Resolves when nothing is compared any more: that may make the front door's mark anew. */
  close(): Promise<void>;
}

/** Every replica's container of the fleet, in whatever state. */
function listReplicas({ docker }: Engine, fleet: string): Promise<Docker.ContainerInfo[]> {
  const filters = { label: [`${label.fleet}=${fleet}`, `${label.role}=replica`] };
  return within(docker.listContainers({ all: true, filters }));
}

/** Resolves when the engine is listened to and has been compared with once; rejects when it cannot be. */
export async function watchEngine(
  engine: Engine,
  fleet: string,
  log: FleetLog,
  listener: EngineListener,
): Promise<EngineWatch> {
  const ended = new AbortController();
  const endOf = createObituaries();
  let comparing: Promise<void> = Promise.resolve();

  /** Nothing is looked at, and no mark of the front door made anew, once nobody watches. */
  function compare(): Promise<void> {
    if (!ended.signal.aborted) comparing = compareNow();
    return comparing;
  }

  async function compareNow(): Promise<void> {
    const asOfMs = performance.now();
    await listener.listed(await listReplicas(engine, fleet), asOfMs);
  }

  function take(event: EngineEvent): void {
    const { Action, Actor: { ID: id = "", Attributes = {} } = {} } = event;
    if (Attributes[label.role] === "replica") {
      const end = endOf(event);
      if (end !== undefined) listener.died(id, end);
    } else if (Action === "create" || Action === "destroy") listener.marked(Action, id);
  }

  async function open(): Promise<NodeJS.ReadableStream> {
    const filters = { type: ["container" as const], label: [`${label.fleet}=${fleet}`], event: [...actions] };
    const stream = await within(engine.docker.getEvents({ filters }));
    await compare();
    return stream;
  }

  /** Resolves when the stream is over, in words. */
  function follow(stream: NodeJS.ReadableStream): Promise<string> {
    return new Promise((resolve) => {
      const over = (why: string): void => {
        clearInterval(timer);
        (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
        resolve(why);
      };
      const timer = setInterval(() => {
        compare().catch((error: unknown) => over(engineTrouble(error, engine.where)));
      }, compareEveryMs);
      stream
        .on("data", eventsIn(take))
        .on("error", (error: Error) => over(engineTrouble(error, engine.where)));
      stream.on("end", () => over(`the Docker engine at ${engine.where} has ended its stream of events`));
      ended.signal.addEventListener("abort", () => over("closed"));
      if (ended.signal.aborted) over("closed");
    });
  }

  async function keepFollowing(first: NodeJS.ReadableStream): Promise<void> {
    for (let stream: NodeJS.ReadableStream | undefined = first; stream !== undefined; ) {
      const why = await follow(stream);
      if (ended.signal.aborted) return;
      log.warn(
        { event: "engine" },
        `Replicas are watched by heartbeats alone, and none can be started: ${why}`,
      );
      stream = await reopen();
      if (stream !== undefined) log.info({ event: "engine" }, "The Docker engine answers again");
    }
  }

  async function reopen(): Promise<NodeJS.ReadableStream | undefined> {
    for (let retryMs = retryMsMin; !ended.signal.aborted; retryMs = Math.min(retryMsMax, 2 * retryMs)) {
      await pause(retryMs);
      const stream = await open().catch(() => undefined);
      if (stream !== undefined) return stream;
    }
    return undefined;
  }

  void keepFollowing(await open());
  return {
    async close() {
      ended.abort();
      await comparing.catch(() => {});
    },
  };
}
