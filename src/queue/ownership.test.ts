import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  createOwnership,
  type Ownership,
  type OwnershipEffect,
  type OwnershipEvent,
  reduceOwnership,
} from "./ownership.ts";
import { type Placed, placeTablets } from "./placement.ts";

/** The scenarios' placement: predictable by a reader. Brokers come in the order in which they joined. */
const roundRobin = (tablets: number, brokers: readonly Placed[]) =>
  Array.from({ length: tablets }, (_, tablet) => brokers[tablet % brokers.length]?.name ?? null);

/** A sentence of a scenario, and the event that it stands for. */
const sentences: readonly (readonly [RegExp, (words: string[]) => OwnershipEvent])[] = [
  [/^(\w+) joins$/, ([broker = ""]) => ({ kind: "joined", broker, seat: broker.charCodeAt(0) - 96 })],
  [/^(\w+) leaves$/, ([broker = ""]) => ({ kind: "leave", broker })],
  [/^(\w+) is suspected$/, ([broker = ""]) => ({ kind: "suspected", broker, reason: "2 heartbeats missed" })],
  [/^(\w+) exits$/, ([broker = ""]) => ({ kind: "exited", broker })],
  [
    /^(\w+) exits while it works on (\d+)$/,
    ([broker = "", tablet]) => ({ kind: "exited", broker, during: Number(tablet) }),
  ],
  [/^(\w+) has opened (\d+) at epoch (\d+)$/, (words) => ({ kind: "opened", ...about(words) })],
  [/^(\w+) has closed (\d+) of epoch (\d+)$/, (words) => ({ kind: "closed", ...about(words) })],
  [
    /^(\w+) fails with (\d+) of epoch (\d+)$/,
    (words) => ({ kind: "failed", reason: "EIO", ...about(words) }),
  ],
  [
    /^(\w+) finds epoch (\d+) in (\d+) of epoch (\d+)$/,
    ([broker = "", found, tablet = "", epoch = ""]) => ({
      ...about([broker, tablet, epoch]),
      kind: "failed",
      reason: "a higher epoch",
      foundEpoch: Number(found),
    }),
  ],
  [/^(\d+) is released$/, ([tablet]) => ({ kind: "release", tablet: Number(tablet) })],
];

const about = ([broker = "", tablet = "", epoch = ""]: string[]) => ({
  broker,
  tablet: Number(tablet),
  epoch: Number(epoch),
});

function tell(effect: OwnershipEffect): string {
  switch (effect.kind) {
    case "remember":
      return `remember ${effect.tablet} is ${effect.broker}'s at epoch ${effect.epoch}`;
    case "open":
      return `${effect.broker} opens ${effect.tablet} at epoch ${effect.epoch}`;
    case "close":
      return `${effect.broker} closes ${effect.tablet} of epoch ${effect.epoch}`;
    case "kill":
      return `kill ${effect.broker}`;
    case "stop":
      return `${effect.broker} stops`;
    case "quarantine":
      return `${effect.tablet} is quarantined`;
    case "route":
      if (effect.broker === null) return `requests for ${effect.tablet} wait`;
      return `requests for ${effect.tablet} go to ${effect.broker}, epoch ${effect.epoch}`;
  }
}

/** Runs one scenario and returns it as it really went. */
function play(lines: readonly string[]): string[] {
  let nowMs = 0;
  let state: Ownership | null = null;
  const went: string[] = [];

  function happen(event: OwnershipEvent): readonly OwnershipEffect[] {
    assert.ok(state !== null, "a scenario begins with its tablets");
    const step = reduceOwnership(state, event, nowMs, roundRobin);
    state = step.state;
    return step.effects;
  }

  function begin(count: number, owners: readonly string[]): void {
    state = createOwnership(new Array<number>(count).fill(0), nowMs);
    const [first = "", ...others] = owners;
    const joins = [...(owners.length > 0 ? [first] : []), ...others];
    // All join before anything opens: an owner of its share from the start.
    const steps = joins.map((broker) => ({
      name: broker,
      seat: broker.charCodeAt(0) - 96,
      phase: "live" as const,
    }));
    state = { ...state, brokers: new Map(steps.map((broker) => [broker.name, broker])) };
    for (const effect of happen({ kind: "tick" }))
      if (effect.kind === "open") happen({ ...effect, kind: "opened" });
  }

  for (const line of lines) {
    if (line.startsWith(" ") || line === "") continue;
    went.push(line);
    const opening = /^(\d+) tablets?(?:, (?:(\w+) owns all|(\w+) and (\w+) own them))?$/.exec(line);
    const pause = /^([\d.]+) s pass$/.exec(line);
    if (opening !== null) {
      begin(
        Number(opening[1]),
        opening.slice(2).filter((name) => name !== undefined),
      );
      continue;
    }
    let effects: readonly OwnershipEffect[];
    if (pause !== null) {
      nowMs += Math.round(Number(pause[1]) * 1000);
      effects = happen({ kind: "tick" });
    } else effects = happen(eventOf(line));
    if (effects.length === 0) went.push("    nothing");
    for (const effect of effects) went.push(`    ${tell(effect)}`);
  }
  return went;
}

function eventOf(line: string): OwnershipEvent {
  for (const [pattern, make] of sentences) {
    const found = pattern.exec(line);
    if (found !== null) return make(found.slice(1));
  }
  throw new Error(`No such thing can happen in a scenario: ${line}`);
}

describe("ownership, scenario by scenario", () => {
  const text = readFileSync(new URL("scenarios/ownership.txt", import.meta.url), "utf8");
  for (const part of text.split(/^== /m).slice(1)) {
    const [title = "", ...lines] = part.split("\n");
    it(title, () => {
      const written = lines.filter((line) => line !== "" && !/^ +nothing$/.test(line));
      const went = play(lines).filter((line) => !/^ +nothing$/.test(line));
      assert.deepEqual(went, written);
    });
  }
});

describe("placement", () => {
  const brokers = (seats: readonly number[]) => seats.map((seat) => ({ seat, name: `broker${seat}` }));
  const seats = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });

  it("gives nobody more than its share, and does not mind the order", () => {
    fc.assert(
      fc.property(seats, fc.integer({ min: 1, max: 64 }), (chosen, tablets) => {
        const placed = placeTablets(tablets, brokers(chosen));
        for (const seat of chosen) {
          const load = placed.filter((name) => name === `broker${seat}`).length;
          assert.ok(load <= Math.ceil(tablets / chosen.length));
        }
        assert.ok(!placed.includes(null));
        assert.deepEqual(placeTablets(tablets, brokers([...chosen].reverse())), placed);
      }),
      { numRuns: 30 },
    );
  });

  it("moves few tablets more than the cap forces when a broker joins", () => {
    let moved = 0;
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      const before = placeTablets(32, brokers([1 + round, 2 + round, 3 + round]));
      const now = placeTablets(32, brokers([1 + round, 2 + round, 3 + round, 40 + round]));
      moved += before.filter((name, tablet) => name !== now[tablet]).length;
    }
    // 8 of 32 must move; the lower cap pushes some more on.
    assert.ok(moved / rounds <= 14, `${moved / rounds} of 32 tablets move on average`);
  });

  it("has nobody to give to when there is no broker", () => {
    assert.deepEqual(placeTablets(2, []), [null, null]);
  });
});
