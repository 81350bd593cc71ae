// One replica as a container: made and started, or taken over where it runs already; asked to stop, killed, removed.
import type Docker from "dockerode";
import type { Address, LaunchEvents, LaunchHandle, LaunchSpec } from "../../launcher.ts";
import { type ContainerOutput, followOutput } from "./container-output.ts";
import { type ContainerOptions, label, networkOf, portOf } from "./container-spec.ts";
import { type ContainerUsage, createContainerUsage } from "./container-usage.ts";
import { type Engine, within } from "./engine.ts";
import { engineTrouble, statusOf } from "./engine-errors.ts";
import type { Inventory } from "./inventory.ts";

/** What all containers of a fleet share. */
export interface Yard {
  readonly engine: Engine;
  readonly inventory: Inventory;
  readonly options: ContainerOptions & { readonly drainMs: number };
  /** Another front door leads the fleet. */
  readonly lost: () => boolean;
  requestFor(spec: LaunchSpec): Promise<Docker.ContainerCreateOptions>;
  create(name: string, request: Docker.ContainerCreateOptions): Promise<Docker.Container>;
  output(replica: string, stream: "stdout" | "stderr", line: string): void;
  takenOver(replica: string, id: string): void;
}

export function launchContainer(yard: Yard, spec: LaunchSpec, events: LaunchEvents): LaunchHandle {
  const { engine, inventory, options } = yard;
  let asked: "nothing" | "stop" | "kill" = "nothing";
  let over = false;
  let container: Docker.Container | undefined;
  let started = false;
  let running = false;
  let output: ContainerOutput | undefined;
  let usage: ContainerUsage | undefined;

  async function begin(): Promise<void> {
    if (yard.lost()) return ended("could not be started: another front door leads the fleet");
    const request = await yard.requestFor(spec);
    const found = inventory.claim(spec.name, request.Labels?.[label.spec] ?? "");
    if (found === undefined) await startNew(request);
    else takeOver(found.id);
    if (over || container === undefined) return;
    running = true;
    const address = addressIn(await within(container.inspect()), options);
    if (over) return;
    if (address === undefined) return ended(`has no address in the network ${networkOf(options)}`);
    events.launched(address, null);
    remind();
  }

  async function startNew(request: Docker.ContainerCreateOptions): Promise<void> {
    await inventory.vacated(spec.name);
    if (asked !== "nothing") return ended("was stopped before it was started");
    const made = await yard.create(spec.name, request);
    enlist(made);
    if (asked !== "nothing") return ended("was stopped before it was started");
    started = true;
    await within(made.start());
    // Not before: the output of a container that does not run yet is at its end.
    follow(0);
  }

  function takeOver(id: string): void {
    enlist(engine.docker.getContainer(id));
    follow(Math.floor(Date.now() / 1_000));
    yard.takenOver(spec.name, id);
  }

  function enlist(which: Docker.Container): void {
    container = which;
    usage = createContainerUsage(which);
    inventory.enlist(which.id, { name: spec.name, sinceMs: performance.now(), ended, remind, letGo });
  }

  function follow(sinceS: number): void {
    if (container === undefined || output !== undefined) return;
    output = followOutput(container, sinceS, (stream, line) => yard.output(spec.name, stream, line));
  }

  function ended(reason: string): void {
    if (over) return;
    over = true;
    inventory.over(spec.name);
    // One that ended while it started: what it said tells why.
    if (started) follow(0);
    if (container !== undefined) inventory.bury(container.id, spec.name, output);
    events.exited(reason);
  }

  function remind(): void {
    if (asked !== "nothing") carryOut();
  }

  function letGo(reason: string): void {
    if (over) return;
    over = true;
    inventory.over(spec.name);
    output?.close();
    setImmediate(events.exited, reason);
  }

  /** What fails now is tried again when the engine is next compared with. */
  function carryOut(): void {
    if (yard.lost()) letGo("is another front door's");
    if (over || container === undefined || !running) return;
    const [done, also] = asked === "kill" ? [container.kill()] : stopKindly(container, options.drainMs);
    also?.catch(() => {});
    done.catch((error: unknown) => {
      if (statusOf(error) === 404) ended("was removed");
    });
  }

  inventory.begun(spec.name);
  const fail = (error: unknown): void => ended(`could not be started: ${engineTrouble(error, engine.where)}`);
  setImmediate(() => void begin().catch(fail));
  return {
    stop() {
      asked = "stop";
      carryOut();
    },
    kill() {
      asked = "kill";
      carryOut();
    },
    // Nobody else can have its address.
    confirm: () => Promise.resolve(true),
    rssBytes: async () => (await usage?.read())?.rssBytes ?? null,
    cpuSeconds: async () => (await usage?.read())?.cpuSeconds ?? null,
  };
}

/** A paused server acts on its signal only when it goes on. */
function stopKindly(container: Docker.Container, drainMs: number): Promise<unknown>[] {
  return [container.stop({ t: Math.ceil(drainMs / 1_000) }), container.unpause()];
}

function addressIn(
  { NetworkSettings: { Networks } }: Docker.ContainerInspectInfo,
  options: ContainerOptions,
): Address | undefined {
  const { IPAddress = "", GlobalIPv6Address = "" } = Networks[networkOf(options)] ?? {};
  const host = IPAddress || GlobalIPv6Address;
  return host === "" ? undefined : { host, port: portOf(options) };
}
