// One launch on an engine, be it a container or a swarm's service: what was asked of it, what becomes known of it, and
// when it is over. How one is made and ended differs: container.ts and swarm/service.ts.
import type { LaunchEvents, LaunchHandle, LaunchSpec } from "../../launcher.ts";
import type { ReplicaOutput } from "../replica-output.ts";
import type { ContainerOutput } from "./container-output.ts";
import { label } from "./container-spec.ts";
import type { ContainerUsage } from "./container-usage.ts";
import type { Inventory } from "./inventory.ts";

/** What all launches of a fleet share. */
export interface EngineYard<Request> {
  readonly inventory: Inventory;
  readonly output: ReplicaOutput;
  /** Another front door leads the fleet. */
  readonly lost: () => boolean;
  requestFor(spec: LaunchSpec): Promise<Request>;
  /** What the engine has refused, in words. */
  trouble(error: unknown): string;
  takenOver(replica: string, id: string): void;
}

type Asked = "nothing" | "stop" | "kill";

/** The launch, as who makes it sees it. */
export interface EngineLaunch {
  readonly asked: Asked;
  readonly over: boolean;
  /** It is there: what the inventory hears of it comes here from now on. */
  enlist(id: string): void;
  ended(reason: string): void;
  /** What was asked of it, if anything, is asked again. */
  remind(): void;
}

/** What differs. */
export interface EngineLaunchParts<Request> {
  /** Nobody has the name. What it throws ends the launch. */
  make(request: Request): Promise<void>;
  /** It runs already. */
  takeOver(id: string): Promise<void> | void;
  /** It is there, and was asked this. What fails now is tried again when the engine is next compared with. */
  carryOut(asked: Exclude<Asked, "nothing">): void;
  /** It was seen to be there. Default: what was asked is asked again. */
  seen?(): void;
  /** What is said when it ends, in other words where those of the inventory do not fit. */
  lastWords?(reason: string): string;
  /** It is over: gives what reads its output, of which the rest may still come. */
  close(): ContainerOutput | undefined;
  usage(): ContainerUsage | undefined;
}

export function launchOnEngine<
  Request extends { readonly Labels?: { readonly [name: string]: string } | undefined },
>(
  yard: EngineYard<Request>,
  { spec, events }: { readonly spec: LaunchSpec; readonly events: LaunchEvents },
  partsOf: (launch: EngineLaunch) => EngineLaunchParts<Request>,
): LaunchHandle {
  const { inventory } = yard;
  const { name } = spec;
  let asked: Asked = "nothing";
  let over = false;
  let id: string | undefined;

  async function begin(): Promise<void> {
    if (yard.lost()) return ended("could not be started: another front door leads the fleet");
    const request = await yard.requestFor(spec);
    const found = inventory.claim(name, request.Labels?.[label.spec] ?? "");
    if (found !== undefined) {
      yard.takenOver(name, found.id);
      return parts.takeOver(found.id);
    }
    await inventory.vacated(name);
    if (asked !== "nothing") return ended("was stopped before it was started");
    return parts.make(request);
  }

  function enlist(which: string): void {
    id = which;
    const sinceMs = performance.now();
    inventory.enlist(which, { name, sinceMs, ended, remind: parts.seen ?? remind, letGo });
  }

  function ended(reason: string): void {
    if (over) return;
    const output = close();
    if (id !== undefined) inventory.bury(id, name, output);
    events.exited(parts.lastWords?.(reason) ?? reason);
  }

  function letGo(reason: string): void {
    if (over) return;
    close()?.close();
    setImmediate(events.exited, reason);
  }

  function close(): ContainerOutput | undefined {
    over = true;
    inventory.over(name);
    return parts.close();
  }

  function remind(): void {
    if (asked === "nothing") return;
    if (yard.lost()) letGo("is another front door's");
    if (!over && id !== undefined) parts.carryOut(asked);
  }

  function ask(what: "stop" | "kill"): void {
    asked = what;
    remind();
  }

  const parts = partsOf({
    get asked() {
      return asked;
    },
    get over() {
      return over;
    },
    enlist,
    ended,
    remind,
  });
  inventory.begun(name);
  const fail = (error: unknown): void => ended(`could not be started: ${yard.trouble(error)}`);
  setImmediate(() => void begin().catch(fail));
  return {
    stop: () => ask("stop"),
    kill: () => ask("kill"),
    // Nobody else can have its address.
    confirm: () => Promise.resolve(true),
    rssBytes: async () => (await parts.usage()?.read())?.rssBytes ?? null,
    cpuSeconds: async () => (await parts.usage()?.read())?.cpuSeconds ?? null,
  };
}
