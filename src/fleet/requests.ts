// May the fleet be changed so? Each check throws a RoundhouseError that says what is wrong and what is accepted;
// nothing has changed then. Carrying a change out is the lifecycle's.
import { RoundhouseError } from "../errors.ts";
import { checkName } from "./names.ts";
import { type FleetState, holders, isWanted, type Life } from "./state.ts";
import { checkWeight } from "./weight.ts";

export interface FleetBounds {
  readonly replicasMax: number;
  /** Servers that the placement's table holds. */
  readonly capacity: number;
  /** Servers that the launcher can start. */
  readonly launchable: number;
}

export function checkAdd(
  state: FleetState,
  count: number,
  names: readonly string[],
  bounds: FleetBounds,
): void {
  checkCount("add", count);
  if (names.length > count) {
    throw refused("Length of hostname list is more than newly added instances");
  }
  checkNames("add", names);
  checkBounds(holders(state).length, count, bounds);
  const known = new Map([...state.lives.values()].map((life) => [life.name, life]));
  for (const name of names) {
    const life = known.get(name);
    if (life === undefined) continue;
    const what = isWanted(life) ? "exists" : `still stops (${life.state})`;
    throw new RoundhouseError(
      "NAME_TAKEN",
      `Cannot add replica "${name}": a replica of that name ${what}; choose another name or omit it`,
      { source: "downstream" },
    );
  }
}

export function checkRemove(state: FleetState, count: number, names: readonly string[]): void {
  checkCount("remove", count);
  if (names.length > count) {
    throw refused("Length of hostname list is more than removable instances");
  }
  checkNames("remove", names);
  const known = new Set(holders(state).map((life) => life.name));
  for (const name of names) {
    if (!known.has(name)) throw unknown("remove", name, holders(state));
  }
  if (count > known.size) {
    throw refused(`Cannot remove ${count} replicas: there are ${known.size}; n may be 1 to ${known.size}`);
  }
}

export function checkWeigh(state: FleetState, name: string, weight: number): void {
  checkWeight(name, weight);
  if (!holders(state).some((life) => life.name === name)) throw unknown("weigh", name, holders(state));
}

function checkCount(verb: string, count: number): void {
  if (Number.isSafeInteger(count) && count >= 1) return;
  throw refused(`Cannot ${verb} ${String(count)} replicas: n must be a whole number of at least 1`);
}

function checkNames(verb: string, names: readonly string[]): void {
  names.forEach((name, index) => {
    checkName(name);
    if (names.indexOf(name) === index) return;
    throw refused(`Cannot ${verb} replica "${name}" twice: name each replica once`);
  });
}

function checkBounds(present: number, count: number, bounds: FleetBounds): void {
  const { most, limit } = tightest(bounds);
  if (present + count <= most) return;
  throw new RoundhouseError(
    "FULL",
    `Cannot add ${count} to ${present} replicas: ${limit}; n may be up to ${Math.max(0, most - present)}`,
    { source: "downstream" },
  );
}

/** Throws BAD_CONFIG when a fleet of this size cannot be had. */
export function checkStart(count: number, bounds: FleetBounds): void {
  const { most, limit } = tightest(bounds);
  if (Number.isSafeInteger(count) && count >= 0 && count <= most) return;
  throw new RoundhouseError(
    "BAD_CONFIG",
    `Cannot start ${count} replicas: ${limit}; choose a whole number from 0 to ${most}`,
  );
}

function tightest({ replicasMax, capacity, launchable }: FleetBounds): { most: number; limit: string } {
  const most = Math.min(replicasMax, capacity, launchable);
  if (most === launchable) return { most, limit: `only ${most} servers were given to balance` };
  if (most === capacity) return { most, limit: `the placement's table holds ${most}` };
  return { most, limit: `at most ${most} are allowed (replicasMax)` };
}

function unknown(verb: string, name: string, known: readonly Life[]): RoundhouseError {
  const list = known.slice(0, 10).map((life) => life.name);
  const there =
    known.length === 0 ? "are none at all" : `are ${list.join(", ")}${known.length > 10 ? ", …" : ""}`;
  return new RoundhouseError(
    "NOT_FOUND",
    `Cannot ${verb} replica "${name}": there is none of that name; there ${there}`,
    { source: "downstream" },
  );
}

function refused(message: string): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", message, { source: "downstream" });
}
