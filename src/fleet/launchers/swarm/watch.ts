// What a swarm tells of our services. Its managers tell of tasks only when asked, so they are asked twice a second, more
// often while something is under way; and of a task that has ended they know it seconds late. This node's engine tells
// of its own containers at once: an end is taken from it, other events are a reason to ask. A stream that is forbidden
// or has died makes us slower, never wrong.
import { setTimeout as pause } from "node:timers/promises";
import type { FleetLog } from "../../fleet.ts";
import { label } from "../docker/container-spec.ts";
import { type Engine, within } from "../docker/engine.ts";
import { createObituaries, type EngineEvent, eventsIn } from "../docker/engine-events.ts";
import { swarmTrouble } from "./swarm-errors.ts";
import type { SwarmNode, SwarmService, SwarmTask, SwarmView } from "./tasks.ts";

/** From one look to the next, in ms; at the beginning of something shorter. */
const lookEveryMs = 500;
const hurryEveryMs = 150;
/** So long after a reason to look, in ms. */
const hurryForMs = 3_000;
/** Between two attempts to open the stream of events, in ms. */
const reopenMs = 2_000;

export interface SwarmWatch {
  /** Something is under way. */
  wake(): void;
  /** Resolves when nobody looks any more: a look may make the front door's mark anew. */
  close(): Promise<void>;
}

export interface SwarmListener {
  /** Nothing that began after `asOfMs` (performance.now) need be in the view. */
  seen(view: SwarmView, asOfMs: number): Promise<void>;
  /** A container of this node has ended that was a service's; `how` in words. */
  died(service: string, container: string, how: string): void;
}

/** Resolves when the swarm has been looked at once; rejects when it cannot be. */
export async function watchSwarm(
  engine: Engine,
  fleet: string,
  log: FleetLog,
  listener: SwarmListener,
): Promise<SwarmWatch> {
  const closed = new AbortController();
  const endOf = createObituaries();
  let hurryUntilMs = 0;
  let rouse = (): void => {};

  function wake(): void {
    hurryUntilMs = performance.now() + hurryForMs;
    rouse();
  }

  async function look(): Promise<void> {
    const asOfMs = performance.now();
    await listener.seen(await viewOf(engine, fleet), asOfMs);
  }

  function nextLook(): Promise<void> {
    const waitMs = performance.now() < hurryUntilMs ? hurryEveryMs : lookEveryMs;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      rouse = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function keepLooking(): Promise<void> {
    let wasWell = true;
    for (;;) {
      await nextLook();
      if (closed.signal.aborted) return;
      const trouble = await look().catch((error: unknown) => swarmTrouble(error, engine.where));
      if (closed.signal.aborted) return;
      if (trouble !== undefined && wasWell)
        log.warn(
          { event: "engine" },
          `Replicas are watched by heartbeats alone, and none can be started: ${trouble}`,
        );
      if (trouble === undefined && !wasWell)
        log.info({ event: "engine" }, "The swarm's manager answers again");
      wasWell = trouble === undefined;
      // What rouses us all the time must not have us do nothing else.
      await pause(50);
    }
  }

  function take(event: EngineEvent): void {
    const { Type, Actor: { ID: id = "", Attributes = {} } = {} } = event;
    const service = Type === "container" ? Attributes[serviceOfTask] : "";
    if (service === undefined) return;
    const end = endOf(event);
    if (end !== undefined) listener.died(service, id, end);
    wake();
  }

  async function keepListening(): Promise<void> {
    while (!closed.signal.aborted) {
      await listen(engine, closed.signal, take).catch(() => {});
      if (!closed.signal.aborted) await pause(reopenMs, undefined, { ref: false });
    }
  }

  await look();
  const looking = keepLooking();
  void keepListening();
  return {
    wake,
    close() {
      closed.abort();
      rouse();
      return looking;
    },
  };
}

async function viewOf({ docker }: Engine, fleet: string): Promise<SwarmView> {
  const filters = { label: [`${label.fleet}=${fleet}`] };
  const [services, tasks, nodes] = await within(
    Promise.all([docker.listServices({ filters }), docker.listTasks({ filters }), docker.listNodes()]),
  );
  return {
    services: services as unknown as readonly SwarmService[],
    tasks: tasks as readonly SwarmTask[],
    nodes: nodes as readonly SwarmNode[],
  };
}

/** What a swarm labels its tasks' containers with: the service's id. */
const serviceOfTask = "com.docker.swarm.service.id";

/** Resolves when the stream is over. Containers' events are those of this node alone. */
async function listen(
  { docker }: Engine,
  closed: AbortSignal,
  take: (event: EngineEvent) => void,
): Promise<void> {
  const filters = { type: ["service" as const, "node" as const, "container" as const] };
  const events = ["create", "update", "remove", "die", "oom"];
  const stream = await within(docker.getEvents({ filters: { ...filters, event: events } }));
  const close = (): void => (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
  await new Promise<void>((resolve) => {
    stream
      .on("data", eventsIn(take))
      .on("end", resolve)
      .on("error", () => resolve())
      .on("close", resolve);
    closed.addEventListener("abort", close);
    if (closed.aborted) close();
  });
  closed.removeEventListener("abort", close);
}
