// Which containers of the fleet there are (or services, which the swarm launcher keeps likewise): those of launches, those that an earlier front door left, and those on their
// way out. Whatever is none of these is nobody's, and is removed when it is seen.
import type { DesiredReplica, FleetLog } from "../../fleet.ts";
import type { ContainerOutput } from "./container-output.ts";
import { type Engine, within } from "./engine.ts";
import { engineTrouble, statusOf } from "./engine-errors.ts";
import type { FoundContainer } from "./found.ts";

/** What is told to a container's launch. */
export interface Crew {
  readonly name: string;
  /** When the container was known to be there (performance.now). */
  readonly sinceMs: number;
  ended(reason: string): void;
  /** It still runs: what was asked of it may have failed. */
  remind(): void;
  /** It goes on without us. */
  letGo(reason: string): void;
}

export interface Inventory {
  /** A launch of that name is under way, or is over. */
  begun(name: string): void;
  over(name: string): void;
  /** News of the container goes to this crew from now on. */
  enlist(id: string, crew: Crew): void;
  died(id: string, reason: string): void;
  /** The engine's list; nothing that began after `asOfMs` need be on it. */
  compare(found: readonly FoundContainer[], asOfMs: number): void;
  /** What was there when the engine was first compared with. */
  readonly left: readonly FoundContainer[];
  /** Of those, all others are removed. */
  expect(replicas: readonly DesiredReplica[]): void;
  /** The one of that name if it runs and was made from this very spec; another one of that name is removed. */
  claim(name: string, fingerprint: string): FoundContainer | undefined;
  /** Those of these replicas go on without us. */
  letGo(replicas: readonly DesiredReplica[]): void;
  /** Removes it when the rest of its output has been read. */
  bury(id: string, name: string, output?: ContainerOutput): void;
  /** Resolves when no container that was to be removed has the name any more. */
  vacated(name: string): Promise<void>;
  /** Resolves when all that was to be removed is gone, or cannot be removed. */
  allBuried(): Promise<void>;
}

/**
 * @param mayChange false: the containers are another front door's by now
 * @param remove what removes one; one that is gone already is as good
 */
export function createInventory(
  engine: Engine,
  log: FleetLog,
  mayChange: () => boolean,
  remove: (engine: Engine, id: string) => Promise<void> = removeContainer,
): Inventory {
  const names = new Set<string>();
  const crews = new Map<string, Crew>();
  /** By name; null: the engine has not been compared with yet. */
  let left: Map<string, FoundContainer> | null = null;
  /** The fleet has said which of those it wants. */
  let expected = false;
  const burials = new Map<string, Promise<void>>();

  function compare(found: readonly FoundContainer[], asOfMs: number): void {
    left ??= new Map(found.map((each) => [each.name, each]));
    const byId = new Map(found.map((each) => [each.id, each]));
    for (const [id, crew] of [...crews]) {
      const seen = byId.get(id);
      if (seen === undefined && crew.sinceMs < asOfMs) crew.ended("was removed");
      else if (seen?.state === "running") crew.remind();
      else if (seen?.state === "ended") crew.ended(seen.end);
    }
    if (expected) for (const each of found) if (isNobodys(each)) bury(each.id, each.name);
  }

  function isNobodys({ id, name }: FoundContainer): boolean {
    if (crews.has(id) || burials.has(name) || left?.has(name)) return false;
    return !names.has(name) || isElsewhere(name);
  }

  /** The launch of that name has its own; before that, any of the name may be the one it is about to get. */
  function isElsewhere(name: string): boolean {
    return [...crews.values()].some((crew) => crew.name === name);
  }

  function bury(id: string, name: string, output?: ContainerOutput): void {
    crews.delete(id);
    if (!mayChange()) return;
    const buried = vacated(name)
      .then(() => output?.rest())
      .then(() => remove(engine, id))
      .catch((error: unknown) => {
        const why = engineTrouble(error, engine.where);
        log.warn({ replica: name }, `What ran ${name} is still there, and is removed later: ${why}`);
      })
      .finally(() => {
        if (burials.get(name) === buried) burials.delete(name);
      });
    burials.set(name, buried);
  }

  async function vacated(name: string): Promise<void> {
    await burials.get(name);
  }

  return {
    begun: (name) => void names.add(name),
    over: (name) => void names.delete(name),
    enlist: (id, crew) => void crews.set(id, crew),
    died: (id, reason) => crews.get(id)?.ended(reason),
    compare,
    get left() {
      return [...(left?.values() ?? [])];
    },
    expect(replicas) {
      expected = true;
      const wanted = new Set(replicas.map(({ name }) => name));
      for (const { name, id } of [...(left?.values() ?? [])]) {
        if (!wanted.has(name) && left?.delete(name)) bury(id, name);
      }
    },
    claim(name, fingerprint) {
      const found = left?.get(name);
      if (found === undefined) return undefined;
      left?.delete(name);
      if (found.state === "running" && found.spec === fingerprint) return found;
      bury(found.id, name);
      return undefined;
    },
    letGo(replicas) {
      const kept = new Set(replicas.map(({ name }) => name));
      for (const crew of [...crews.values()]) if (kept.has(crew.name)) crew.letGo("is left running");
    },
    bury,
    vacated,
    async allBuried() {
      await Promise.all(burials.values());
    },
  };
}

/** Its anonymous volumes too. One that is gone, or is being removed already, is as good. */
async function removeContainer({ docker }: Engine, id: string): Promise<void> {
  try {
    await within(docker.getContainer(id).remove({ force: true, v: true }));
  } catch (error) {
    if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
  }
}
