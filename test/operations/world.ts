// What a script of operations is carried out on, and what must be true after each of them and once all is calm. There
// are two worlds: a simulated one (simulated-world.ts), and real front doors with real replicas (real-world.ts).
import assert from "node:assert/strict";
import { type Operation, textOf } from "./operation.ts";

/** What was seen at one moment. */
export interface Seen {
  /** From inside: in the ring, in the order of joining. */
  readonly serving: readonly SeenReplica[];
  /** How many there should be. */
  readonly desired: number;
  /** Every seat that is held, whether or not it is served. */
  readonly seats: readonly number[];
  /** Every name that is borne. */
  readonly names: readonly string[];
  /** Names of spares and understudies. */
  readonly offstage: readonly string[];
  /** A roll-out is under way. */
  readonly rolling: boolean;
  /** Share of the key space by seat, as the ring has it; null where it cannot be asked. */
  readonly shares: ReadonlyMap<number, number>;
  /** The same, of a ring that was made anew from the replicas that serve. */
  readonly sharesExpected: ReadonlyMap<number, number>;
  /** From outside: the names of the servers that run. */
  readonly running: readonly string[];
}

export interface SeenReplica {
  readonly name: string;
  readonly seat: number;
  readonly revision: number;
}

export interface World {
  /**
   * Carries it out to its end (a roll-out: to its beginning). Gives by how many it may have changed the number of
   * replicas, when it was not refused: several when that cannot be known, because the front door was killed meanwhile.
   * What is refused gives 0 alone. `to` instead of `by`: the number there is now.
   */
  carryOut(
    operation: Operation,
  ): Promise<{ readonly by: readonly number[] } | { readonly to: readonly number[] }>;
  /** Nothing new breaks, and what is broken is waited for: until the fleet is whole, or the world's patience ends. */
  calm(): Promise<void>;
  look(): Promise<Seen>;
  close(): Promise<void>;
}

/** Carries a script out. Throws with the script up to where it went wrong. */
export async function carryOutAll(
  world: World,
  operations: readonly Operation[],
  { first, calmEvery }: { readonly first: number; readonly calmEvery: number },
): Promise<void> {
  let expected = [first];
  let before: Seen | undefined;
  const done: string[] = [];
  try {
    for (const [index, operation] of operations.entries()) {
      done.push(`${index + 1}. ${textOf(operation)}`);
      const outcome = await world.carryOut(operation);
      expected =
        "to" in outcome
          ? [...outcome.to]
          : expected.flatMap((count) => outcome.by.map((change) => count + change));
      const seen = await world.look();
      done.push(
        `   → N=${seen.desired}: ${seen.serving.map(({ name, seat }) => `${name}@${seat}`).join(" ")}`,
      );
      checkAlways(seen, expected);
      if (before !== undefined && keepsSeats(operation)) checkSeats(before, seen);
      before = seen;
      expected = [seen.desired];
      if ((index + 1) % calmEvery !== 0 && index + 1 < operations.length) continue;
      done.push("   (calm)");
      await world.calm();
      checkCalm(await world.look(), expected);
    }
  } catch (error) {
    const script = done.join("\n");
    throw new Error(`${(error as Error).message}\n\nThe script so far:\n${script}\n`, { cause: error });
  }
}

/** True after every operation, whatever is still under way. */
function checkAlways(seen: Seen, expected: readonly number[]): void {
  assert.ok(expected.includes(seen.desired), `N is ${seen.desired}, and should be ${expected.join(" or ")}`);
  checkUnique("seat", seen.seats);
  checkUnique("name", seen.names);
  assert.equal(seen.seats.length, seen.desired, "there are as many seats as replicas");
}

/** True when nothing breaks any more and everything has had its time. */
function checkCalm(seen: Seen, expected: readonly number[]): void {
  checkAlways(seen, expected);
  assert.equal(seen.rolling, false, "no roll-out lasts for ever");
  assert.equal(seen.serving.length, seen.desired, "all serve");
  assert.deepEqual(
    seen.serving.map(({ seat }) => seat).sort(),
    [...seen.seats].sort(),
    "every seat is served",
  );
  assert.equal(
    new Set(seen.serving.map(({ revision }) => revision)).size,
    Math.min(1, seen.desired),
    "one program",
  );
  checkUnique("server", seen.running);
  assert.deepEqual(
    [...seen.running].sort(),
    [...seen.serving.map(({ name }) => name), ...seen.offstage].sort(),
    "what runs is what should: no orphan, none missing",
  );
  assert.deepEqual(seen.shares, seen.sharesExpected, "the ring is what the member set says");
}

function keepsSeats(operation: Operation): boolean {
  if (operation.do === "restart the front door") return operation.amid === "nothing";
  return !["add", "remove", "reload"].includes(operation.do);
}

/** Whatever dies, or is changed over: its seat stays, so that no key moves between others. */
function checkSeats(before: Seen, now: Seen): void {
  assert.deepEqual([...now.seats].sort(), [...before.seats].sort(), "the seats are the same");
}

function checkUnique(what: string, values: readonly (string | number)[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  assert.equal(twice, undefined, `the ${what} ${twice} occurs twice`);
}
