import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRing } from "../ring/ring.ts";
import { flowOf } from "./flow.ts";

test("ribbons fill both columns, whatever the change", () => {
  const seats = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 6 });
  fc.assert(
    fc.property(seats, seats, (some, others) => {
      const ringOf = (members: readonly number[]) =>
        createRing({ slots: 512, members: members.map((seat) => ({ seat })) });
      const [before, after] = [ringOf(some), ringOf(others)];
      const { moved, moves } = before.compare(after);
      const flow = flowOf(
        {
          moved,
          moves,
          least: 0,
          movesLeftOut: { count: 0, fraction: 0 },
          before: Object.fromEntries(before.shares()),
          after: Object.fromEntries(after.shares()),
          sampledKeys: null,
        },
        300,
        4,
      );
      for (const [side, column] of [
        ["left", flow.left],
        ["right", flow.right],
      ] as const) {
        for (const { seat, top, height } of column) {
          const ends = flow.ribbons
            .filter((ribbon) => (side === "left" ? ribbon.from : ribbon.to) === seat)
            .sort((a, b) => a[side] - b[side]);
          let edge = top;
          for (const ribbon of ends) {
            assert.ok(Math.abs(ribbon[side] - edge) < 1e-6);
            edge += ribbon.height;
          }
          assert.ok(Math.abs(edge - top - height) < 1e-6, `${side} ${seat}: ${edge - top} of ${height}`);
        }
      }
    }),
  );
});
