import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { hashPairs, ringWith, slotsReached } from "./course-hashes.ts";
import { chosen, experiments } from "./experiments.ts";
import { ringOf, sharesOfIds } from "./placements.ts";
import { csv } from "./report.ts";
import { chiSquared, spreadOf } from "./spread.ts";

describe("experiments", () => {
  it("are found by their names", () => {
    assert.deepEqual(
      chosen(["a1", "A-2"]).map(({ id }) => id),
      ["a1", "a2"],
    );
    assert.equal(chosen(["all"]), experiments);
    assert.throws(() => chosen(["a99"]), { code: "BAD_CONFIG", message: /accepted: a1, a2.*, all/ });
  });
});

describe("the course's hashes", () => {
  it("as text are the placement `assignment`, for every id and any servers", () => {
    for (const count of [1, 2, 3, 6, 20]) {
      const servers = Array.from({ length: count }, (_, index) => index + 1);
      const [ring, other] = [ringOf("assignment", count), ringWith(hashPairs[0], servers)];
      for (let id = 100_000; id < 110_000; id++) assert.equal(other.lookup(id), ring.lookup(id));
    }
  });

  it("reach 87 of 512 slots, and the others all", () => {
    assert.deepEqual(
      hashPairs.map(({ request }) => slotsReached(request)),
      [87, 512, 512, 512],
    );
  });

  it("give the contract's golden shares", () => {
    const shares = (count: number) =>
      sharesOfIds(ringOf("assignment", count)).map((share) => (share * 100).toFixed(1));
    assert.deepEqual(shares(2), ["95.3", "4.7"]);
    assert.deepEqual(shares(3), ["84.4", "4.7", "10.9"]);
    assert.deepEqual(shares(6), ["78.9", "3.1", "9.4", "3.1", "4.7", "0.8"]);
  });
});

describe("figures of spread", () => {
  it("are those of a whole population", () => {
    const { average, standardDeviation, maxToAverage, min, max } = spreadOf([2, 4, 4, 4, 5, 5, 7, 9]);
    assert.deepEqual([average, standardDeviation, maxToAverage, min, max], [5, 2, 1.8, 2, 9]);
  });

  it("find a wrong share, and accept a right one", () => {
    assert.ok(chiSquared([334, 333, 333], [1 / 3, 1 / 3, 1 / 3]).value < 0.01);
    const skewed = chiSquared([500, 250, 250], [1 / 3, 1 / 3, 1 / 3]);
    assert.ok(skewed.value > skewed.limit);
    assert.ok(Math.abs(skewed.limit - 13.82) < 0.4); // the table's value for two degrees of freedom
  });
});

describe("CSV", () => {
  it("can be read back, whatever a cell holds", () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom('"', ",", "\r\n", 'a"b,c\nd'));
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { minLength: 1 }), (rows) => {
        assert.deepEqual(parsed(csv({ columns: ["a", "b"], rows })), [["a", "b"], ...rows]);
      }),
    );
  });
});

/** A reader after the grammar of RFC 4180. */
function parsed(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    let cell = "";
    if (text[at] === '"') {
      for (at++; text[at] !== '"' || text[at + 1] === '"'; at++) {
        cell += text[at];
        if (text[at] === '"') at++;
      }
      at++;
    } else {
      while (text[at] !== "," && text.slice(at, at + 2) !== "\r\n") cell += text[at++];
    }
    row.push(cell);
    if (text[at] === ",") at++;
    else {
      rows.push(row);
      row = [];
      at += 2;
    }
  }
  return rows;
}
