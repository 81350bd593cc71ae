import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TrafficNow } from "../balancer/dashboard/traffic-source.ts";
import type { TrafficHistoryReport } from "../balancer/records-api.ts";
import { busiestStreams, replicasMax, trackOf, windowMs, withStep } from "./traffic-track.ts";

const report = (atMs: number[], rates: Record<string, (number | null)[]>) =>
  ({
    stepMs: 2_000,
    atMs,
    totals: { requestsPerS: atMs.map(() => 10), ownPerS: atMs.map(() => 0) },
    busiest: Object.entries(rates).map(([name, requestsPerS]) => ({ name, seat: 1, requestsPerS })),
  }) as unknown as TrafficHistoryReport;

const now = (atMs: number, rates: Record<string, number>) =>
  ({
    atMs,
    totals: { requestsPerS: 10, ownPerS: 0 },
    figures: Object.fromEntries(
      Object.entries(rates).map(([name, requestsPerS]) => [name, { requestsPerS }]),
    ),
    departed: 0,
  }) as unknown as TrafficNow;

describe("the track of traffic", () => {
  it("goes on with each step that is read, in every list", () => {
    const first = trackOf(report([2_000, 4_000], { S1: [1, 2], S2: [3, null] }));
    const next = withStep(first, now(6_000, { S1: 5, S3: 7 }));
    assert.deepEqual(next?.atMs, [2_000, 4_000, 6_000]);
    assert.deepEqual(next?.totals.requestsPerS, [10, 10, 10]);
    assert.deepEqual(
      [...(next?.replicas ?? [])],
      [
        ["S1", [1, 2, 5]],
        ["S2", [3, null, null]],
        ["S3", [null, null, 7]],
      ],
    );
    assert.equal(withStep(first, now(4_000, { S1: 9 })), first);
  });

  it("has a gap that it does not paper over: the server is asked again", () => {
    assert.equal(withStep(trackOf(report([2_000], {})), now(12_000, {})), null);
  });

  it("drops what is older than its window, and replicas that were only there", () => {
    const first = trackOf(report([2_000, 900_000], { S1: [1, null], S2: [1, 2] }));
    const next = withStep(first, now(902_000 + 2, { S2: 3 }));
    assert.equal(next?.atMs[0], 900_000);
    assert.ok(902_002 - 2_000 >= windowMs);
    assert.deepEqual([...(next?.replicas.keys() ?? [])], ["S2"]);
    assert.deepEqual(next?.replicas.get("S2"), [2, 3]);
  });

  it("has one stream for each seat, under the name of who has it now, and the rest as one", () => {
    const track = trackOf(report([2_000, 4_000], { R9: [null, 4], S1: [4, null], S2: [3, 3], S4: [1, 1] }));
    const seats: Record<string, number> = { S1: 1, R9: 1, S2: 2, S4: 4 };
    const { streams, others } = busiestStreams(track, 2, (name) => seats[name] ?? 0);
    assert.deepEqual(streams, [
      { seat: 1, name: "R9", values: [4, 4] },
      { seat: 2, name: "S2", values: [3, 3] },
    ]);
    assert.deepEqual(others, [3, 3]);
    assert.equal(busiestStreams(track, 3, (name) => seats[name] ?? 0).others, null);
  });

  it("adds up what a draining replica and its successor had at the same time", () => {
    const track = trackOf(report([2_000, 4_000], { S1: [5, 2], R9: [null, 4] }));
    assert.deepEqual(busiestStreams(track, 2, () => 1).streams[0]?.values, [5, 6]);
  });

  it("follows no more replicas than the server tells of, however many there are", () => {
    const rates = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`S${n}`, 1]));
    const track = withStep(trackOf(report([2_000], {})), now(4_000, rates));
    assert.equal(track?.replicas.size, replicasMax);
  });
});
