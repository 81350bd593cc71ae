import assert from "node:assert/strict";
import { test } from "node:test";
import { quantile } from "./quantile.ts";
import { type Cell, comparisons, type QueueResults } from "./report.ts";

const machine = {
  processor: "",
  cores: 2,
  memoryGib: 1,
  kernel: "",
  versions: {},
  fileSystem: "",
  syncMs: { median: 1, p99: 1 },
};

function cell(peer: string, batch: number, perCpuS: number): Cell {
  const sample = (messages: number) => ({ messages, seconds: 1, serverCpuMs: 500, clientCpuMs: 500 });
  // A last round that found nothing left must not count.
  return {
    peer,
    bytes: 100,
    batch,
    produce: [sample(perCpuS / 2)],
    consume: [sample(perCpuS / 2), { ...sample(0), serverCpuMs: 0 }],
  };
}

function resultsOf(cells: Cell[]): QueueResults {
  const note = (name: string, synced: boolean) => ({ name, acknowledgement: "", synced });
  const peers = [note("fast", false), note("slow", true), note("roundhouse", true)];
  const head = { command: "", date: "", machine, rounds: 1, secondsPerRound: 1, warmupSeconds: 1, peers };
  return { ...head, leftOut: [], cells, endToEnd: [], targets: [] };
}

test("Roundhouse is held against the best peer, whatever that one's acknowledgement means", () => {
  const cells = [cell("slow", 100, 100), cell("fast", 100, 500), cell("roundhouse", 100, 900)];
  const [produce, consume] = comparisons(resultsOf([...cells, cell("roundhouse ndjson", 100, 5000)]));
  assert.equal(produce?.isMet, false);
  assert.match(produce?.measured ?? "", /^1\.80 × fast \(not synced\): 900 to 500$/);
  assert.match(consume?.measured ?? "", /^1\.80 × fast/);
});

test("at batches of 1 as good as the best is enough; otherwise twice as good", () => {
  const met = (batch: number, own: number) =>
    comparisons(resultsOf([cell("slow", batch, 100), cell("roundhouse", batch, own)])).map(
      ({ isMet }) => isMet,
    );
  assert.deepEqual(met(1, 100), [true, true]);
  assert.deepEqual(met(1, 98), [false, false]);
  assert.deepEqual(met(100, 198), [false, false]);
  assert.deepEqual(met(100, 200), [true, true]);
});

test("without a peer there is no verdict", () => {
  assert.deepEqual(comparisons(resultsOf([cell("roundhouse", 100, 100)])), []);
});

test("a quantile is the smallest value that the share does not exceed", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(quantile(values, 0.99), 99);
  assert.equal(quantile(values, 0.5), 50);
  assert.equal(quantile([7], 0.99), 7);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});
