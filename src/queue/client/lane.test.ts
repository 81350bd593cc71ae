// A lane against an owner in memory: batches overtake each other, answers are lost, some batches are given up. What is
// stored must be in the order of the calls, once, and where its sender was told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { RoundhouseError } from "../../errors.ts";
import { admit, type ProducerState, remember } from "../producers.ts";
import { readHeader } from "../record-batch.ts";
import { recordsOf } from "../records.ts";
import { createLane } from "./lane.ts";

interface Owner {
  readonly log: string[];
  /** Most batches that were on their way at a time. */
  underWayMax: number;
  append(batch: Buffer): number;
}

function createOwner(): Owner {
  const states = new Map<number, ProducerState>();
  const log: string[] = [];
  return {
    log,
    underWayMax: 0,
    append(batch) {
      const header = readHeader(batch);
      const state = states.get(header.producerId);
      const verdict = admit(state, header);
      if (verdict.kind === "duplicate") return verdict.baseOffset;
      if (verdict.kind === "refuse") throw new RoundhouseError(verdict.code, verdict.reason);
      const baseOffset = log.length;
      for (const record of recordsOf(batch)) log.push(String(record.value));
      states.set(header.producerId, remember(state, header, baseOffset));
      return baseOffset;
    },
  };
}

type Fate = "stored" | "request lost" | "answer lost" | "given up" | "stored and given up";

const lost = (): RoundhouseError => new RoundhouseError("UNREACHABLE", "no answer", { retryable: true });

/** A network whose ways are chosen: how long each try takes (in turns) and what becomes of it. */
function sender(owner: Owner, chosen: () => { readonly turns: number; readonly fate: Fate }) {
  let underWay = 0;
  return async (batch: Buffer): Promise<number> => {
    owner.underWayMax = Math.max(owner.underWayMax, ++underWay);
    try {
      for (;;) {
        const { turns, fate } = chosen();
        for (let i = 0; i < turns; i++) await nextTurn();
        if (fate === "given up") throw lost();
        if (fate === "request lost") continue;
        const offset = owner.append(batch);
        for (let i = 0; i < turns; i++) await nextTurn();
        if (fate === "stored") return offset;
        if (fate === "stored and given up") throw lost();
      }
    } finally {
      underWay--;
    }
  };
}

const fates = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Fate>("stored") },
  { weight: 2, arbitrary: fc.constantFrom<Fate>("request lost", "answer lost") },
  { weight: 1, arbitrary: fc.constantFrom<Fate>("given up", "stored and given up") },
);

async function run(steps: readonly { turns: number; fate: Fate }[], messages: number): Promise<Owner> {
  const owner = createOwner();
  let step = 0;
  let ids = 0;
  const lane = createLane({
    lingerMs: 0,
    batchMessagesMax: 3,
    batchBytesMax: 1e6,
    compression: "none",
    newProducer: async () => ({ id: ids++, epoch: 0 }),
    send: sender(owner, () => steps[step++] ?? { turns: 0, fate: "stored" }),
  });
  const told = new Map<string, number>();
  const sent: Promise<void>[] = [];
  for (let i = 0; i < messages; i++) {
    const value = String(i).padStart(5, "0");
    sent.push(
      new Promise((resolve) => {
        lane.push({
          record: { value: Buffer.from(value) },
          bytes: 10,
          stored(offset) {
            told.set(value, offset);
            resolve();
          },
          failed: () => resolve(),
        });
      }),
    );
    if (i % 4 === 3) await nextTurn();
  }
  await Promise.all(sent);
  for (const [value, offset] of told) assert.equal(owner.log[offset], value);
  assert.deepEqual(owner.log, [...new Set(owner.log)].sort(), "once, and in the order of the calls");
  return owner;
}

test("whatever the network does, messages are stored once and in the order of the calls", async () => {
  const steps = fc.array(fc.record({ turns: fc.nat(6), fate: fates }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 60 }), async (chosen, messages) => {
      await run(chosen, messages);
    }),
    { numRuns: 300 },
  );
});

test("as many batches are under way as their owner remembers, once the first of the producer is stored", async () => {
  const owner = await run(
    Array.from({ length: 40 }, () => ({ turns: 5, fate: "stored" as const })),
    60,
  );
  assert.equal(owner.underWayMax, 5);
  assert.equal(owner.log.length, 60);
});
