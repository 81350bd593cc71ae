// The populate step against the paper's own pseudocode, and what it promises: nearly equal shares.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createRing } from "./ring.ts";

// Pseudocode 1 of the paper (§3.4), names and all; offset and skip as given.
function populate(
  slots: number,
  lists: readonly { readonly offset: number; readonly skip: number }[],
): number[] {
  const permutation = lists.map(({ offset, skip }) =>
    Array.from({ length: slots }, (_, j) => (offset + j * skip) % slots),
  );
  const next = lists.map(() => 0);
  const entry: number[] = Array(slots).fill(-1);
  for (let n = 0; ; ) {
    for (const i of lists.keys()) {
      let c = permutation[i]?.[next[i] ?? 0] ?? 0;
      while ((entry[c] ?? 0) >= 0) {
        next[i] = (next[i] ?? 0) + 1;
        c = permutation[i]?.[next[i] ?? 0] ?? 0;
      }
      entry[c] = i;
      next[i] = (next[i] ?? 0) + 1;
      if (++n === slots) return entry;
    }
  }
}

describe("maglev", () => {
  it("fills the table as the paper does", () => {
    const anyList = fc.record({ offset: fc.nat(1e6), skip: fc.nat(1e6) });
    const cases = fc.tuple(fc.constantFrom(7, 101, 251), fc.array(anyList, { minLength: 1, maxLength: 7 }));
    fc.assert(
      fc.property(cases, ([slots, raw]) => {
        const ring = createRing({
          placement: "maglev",
          slots,
          members: raw.map((_, i) => ({ seat: i + 1 })),
          virtualNodeHash: (seat, j) => (j === 0 ? raw[seat - 1]?.offset : raw[seat - 1]?.skip) ?? 0,
        });
        const lists = raw.map(({ offset, skip }) => ({
          offset: offset % slots,
          skip: (skip % (slots - 1)) + 1,
        }));
        const wanted = populate(slots, lists).map((i) => i + 1);
        assert.deepEqual(
          Array.from({ length: slots }, (_, slot) => ring.ownerOf(slot)),
          wanted,
        );
      }),
    );
  });

  it("gives equal servers shares that differ by at most one slot", () => {
    const ring = createRing({
      placement: "maglev",
      members: Array.from({ length: 100 }, (_, i) => ({ seat: i + 1 })),
    });
    assert.equal(ring.slots, 65_537);
    const slots = [...ring.shares().values()].map((share) => Math.round(share * ring.slots));
    assert.ok(Math.max(...slots) - Math.min(...slots) <= 1);
  });

  it("gives weighted servers shares in proportion", () => {
    const members = [{ seat: 1, weight: 0.5 }, { seat: 2 }, { seat: 3, weight: 2.25 }];
    const ring = createRing({ placement: "maglev", members });
    for (const { seat, weight } of ring.members) {
      assert.ok(Math.abs((ring.shares().get(seat) ?? 0) - weight / 3.75) < 1e-4, `seat ${seat}`);
    }
  });

  it("moves little more than it must when a server leaves", () => {
    const ring = createRing({
      placement: "maglev",
      members: Array.from({ length: 10 }, (_, i) => ({ seat: i + 1 })),
    });
    const { moved } = ring.preview({ remove: [5] });
    assert.ok(moved >= 0.0999 && moved < 0.15, String(moved));
  });
});
