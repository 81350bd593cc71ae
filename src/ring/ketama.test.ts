// Against what a real nginx chose (golden/ketama.json, made by golden/record-ketama.mjs), and against a model.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { createRing, type Member } from "./ring.ts";

interface Golden {
  readonly recordedFrom: string;
  readonly fleets: readonly {
    readonly name: string;
    readonly members: readonly Required<Member>[];
    readonly orders: readonly (readonly [string, readonly number[]])[];
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("./golden/ketama.json", import.meta.url), "utf8"));

// nginx 1.22 gives up its clockwise walk after 20 points and goes on in round robin (later versions walk on).
const pointsWalked = 20;

describe(`ketama beside ${golden.recordedFrom}`, () => {
  for (const { name, members, orders } of golden.fleets) {
    it(`${name}: the same server for each of ${orders.length} keys`, () => {
      const ring = createRing({ placement: "ketama", members });
      for (const [key, [first]] of orders) assert.equal(ring.lookup(key), first, key);
    });

    it(`${name}: the same next servers, as far as nginx walks`, () => {
      const ring = createRing({ placement: "ketama", members });
      const circle = modelCircle(members);
      let compared = 0;
      for (const [key, order] of orders) {
        const known = Math.min(order.length, walked(circle, ring.slotOf(key)).size);
        assert.deepEqual([...ring.candidates(key)].slice(0, known), order.slice(0, known), key);
        compared += known;
      }
      assert.ok(compared >= orders.length * 2, `only ${compared} servers were compared`);
    });
  }
  it("hashes a number as its decimal text", () => {
    const [fleet] = golden.fleets;
    const ring = createRing({ placement: "ketama", members: fleet?.members ?? [] });
    for (const [key, [first]] of fleet?.orders ?? []) {
      if (/^\d{6}$/.test(key)) assert.equal(ring.lookup(Number(key)), first);
    }
  });
  it("takes characters for bytes when told that they are", () => {
    const options = { placement: "ketama", members: golden.fleets[2]?.members ?? [] } as const;
    const utf8 = createRing(options);
    const latin1 = createRing({ ...options, keyEncoding: "latin1" });
    for (const [key, [first]] of golden.fleets[2]?.orders ?? []) {
      assert.equal(latin1.lookup(Buffer.from(key, "utf8").toString("latin1")), first);
      assert.equal(utf8.lookup(key), first);
    }
  });
});

/** A point's hash and its owner, ascending by hash; made anew from the description, with another CRC-32. */
type Circle = readonly { readonly hash: number; readonly seat: number }[];

// Node 20 has had zlib.crc32 since 20.15.
function modelCircle(members: readonly Member[]): Circle {
  const points = new Map<number, number>();
  for (const { seat, weight = 1, label = String(seat) } of members) {
    const colon = /:\d*$/.exec(label)?.index;
    const name = label.startsWith("unix:")
      ? `${label.slice(5)}\0`
      : colon === undefined
        ? `${label}\0`
        : `${label.slice(0, colon)}\0${label.slice(colon + 1)}`;
    const previous = Buffer.alloc(4);
    for (let j = 0; j < weight * 160; j++) {
      const hash = zlibCrc32(Buffer.concat([Buffer.from(name), previous]));
      if (!points.has(hash)) points.set(hash, seat);
      previous.writeUInt32LE(hash);
    }
  }
  return [...points].map(([hash, seat]) => ({ hash, seat })).sort((a, b) => a.hash - b.hash);
}

function walked(circle: Circle, start: number): Set<number> {
  return new Set(
    Array.from({ length: pointsWalked }, (_, i) => circle[(start + i) % circle.length]?.seat ?? 0),
  );
}

describe("ketama", () => {
  const anyMembers = fc.uniqueArray(
    fc.record({ seat: fc.integer({ min: 1, max: 1e6 }), weight: fc.integer({ min: 1, max: 4 }) }),
    { selector: ({ seat }) => seat, minLength: 1, maxLength: 12 },
  );

  it("agrees with the model on any members and keys", () => {
    fc.assert(
      fc.property(anyMembers, fc.array(fc.string({ unit: "binary" }), { minLength: 30 }), (some, keys) => {
        const members = some.map((member) => ({ ...member, label: `10.0.0.${member.seat}:80` }));
        const ring = createRing({ placement: "ketama", members });
        const circle = modelCircle([...members].sort((a, b) => a.seat - b.seat));
        assert.equal(ring.slots, circle.length);
        for (const key of keys) {
          const hash = zlibCrc32(key);
          assert.equal(ring.lookup(key), (circle.find((point) => point.hash >= hash) ?? circle[0])?.seat);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("has the shares that keys find", () => {
    const members = [{ seat: 1 }, { seat: 2, weight: 2 }, { seat: 3, weight: 4 }];
    const ring = createRing({ placement: "ketama", members });
    const counts = new Map<number, number>();
    const keys = 200_000;
    for (let i = 0; i < keys; i++) {
      const seat = ring.lookup(`key-${i * 7919}`);
      counts.set(seat, (counts.get(seat) ?? 0) + 1);
    }
    for (const [seat, share] of ring.shares()) {
      assert.ok(Math.abs((counts.get(seat) ?? 0) / keys - share) < 0.01, `seat ${seat}`);
      assert.ok(Math.abs(share - 2 ** (seat - 1) / 7) < 0.05, `seat ${seat}: ${share}`);
    }
  });
});
