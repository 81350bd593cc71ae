// Thousands of seeded histories of brokers that crash, hang and come and go: see simulated-world.ts. The last tests
// break the rules on purpose: a check that finds nothing there would be worth nothing.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type OwnershipEvent, reduceOwnership } from "../../src/queue/ownership.ts";
import type { Placed } from "../../src/queue/placement.ts";
import { runWorld, type WorldOptions, type WorldReport } from "./simulated-world.ts";

const HISTORIES = Number(process.env.SIMULATED_HISTORIES ?? 2000);

/** Much quicker than the ring, and as good for the order of events. */
const roundRobin = (tablets: number, brokers: readonly Placed[]) =>
  Array.from({ length: tablets }, (_, tablet) => brokers[tablet % brokers.length]?.name ?? null);

const quickly: WorldOptions["reduce"] = (state, event, nowMs) =>
  reduceOwnership(state, event, nowMs, roundRobin);

function firstViolations(
  options: Omit<WorldOptions, "seed" | "tablets">,
  histories: number,
): readonly string[] {
  for (let seed = 1; seed <= histories; seed++) {
    const { violations } = runWorld({ seed, tablets: 6, ...options });
    if (violations.length > 0) return violations;
  }
  return [];
}

describe("ownership in simulated histories", () => {
  it(`keeps every rule in ${HISTORIES} of them`, () => {
    const total: Pick<WorldReport, "acked" | "moves" | "kills" | "restarts"> & Record<string, number> = {
      acked: 0,
      moves: 0,
      kills: 0,
      restarts: 0,
    };
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const report = runWorld({ seed, tablets: 1 + (seed % 8), reduce: quickly });
      assert.deepEqual(report.violations, [], `seed ${seed}`);
      for (const key of Object.keys(total))
        total[key] = (total[key] ?? 0) + Number(report[key as keyof WorldReport]);
    }
    // Histories in which nothing happens would prove nothing.
    assert.ok(total.acked > 100 * HISTORIES && total.kills > HISTORIES && total.restarts > HISTORIES / 10);
  });

  it("keeps every rule with the ring's placement too", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const report = runWorld({
        seed,
        tablets: 8,
        reduce: (state, event, nowMs) => reduceOwnership(state, event, nowMs),
      });
      assert.deepEqual(report.violations, [], `seed ${seed}`);
    }
  });
});

describe("the simulation finds", () => {
  /** The classic mistake: a broker that misses heartbeats is taken for dead. */
  const hasty: WorldOptions["reduce"] = (state, event, nowMs) => {
    const taken: OwnershipEvent =
      event.kind === "suspected" ? { kind: "exited", broker: event.broker } : event;
    return quickly(state, taken, nowMs);
  };

  it("a takeover that does not wait for the exit", () => {
    const found = firstViolations({ reduce: hasty }, 200);
    assert.ok(
      found.some((one) => / opens tablet \d+ while b\d+ lives with it/.test(one)),
      found.join("\n"),
    );
  });

  it("a store that does not compare epochs, when the takeover is hasty", () => {
    const texts: string[] = [];
    for (let seed = 1; seed <= 100; seed++) {
      texts.push(...runWorld({ seed, tablets: 2, reduce: hasty, fencing: false }).violations);
    }
    assert.ok(texts.some((one) => / wrote tablet \d+ at epoch \d+ after epoch \d+/.test(one)));
  });

  it("an epoch that is used twice", () => {
    // The raise is taken back on its way to the broker, so that the next owner writes under its predecessor's epoch.
    const stuck: WorldOptions["reduce"] = (state, event, nowMs) => {
      const step = quickly(state, event, nowMs);
      const tablets = step.state.tablets.map((place) => ({ ...place, epoch: Math.min(place.epoch, 1) }));
      const effects = step.effects.map((effect) => ("epoch" in effect ? { ...effect, epoch: 1 } : effect));
      return { state: { ...step.state, tablets }, effects };
    };
    const found = firstViolations({ reduce: stuck, fencing: false }, 50);
    assert.ok(
      found.some((one) => / both wrote tablet \d+ at epoch 1/.test(one)),
      found.join("\n"),
    );
  });

  it("a tablet that is forgotten", () => {
    const forgetful: WorldOptions["reduce"] = (state, event, nowMs) =>
      event.kind === "exited" ? { state, effects: [] } : quickly(state, event, nowMs);
    const found = firstViolations({ reduce: forgetful }, 50);
    assert.ok(
      found.some((one) => /^tablet \d+ ends /.test(one)),
      found.join("\n"),
    );
  });
});
