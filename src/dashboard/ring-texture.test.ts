import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { annulusOf, bytesOfColour, cellOfPlace, nobody, paint, placeAt, textureOf } from "./ring-texture.ts";

test("a cell shows its members' parts, to a step", () => {
  const parts = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(parts, (counts) => {
      const pairs = counts.flatMap((count, index) => [index, count]);
      const { members } = textureOf({ cells: [pairs] });
      const total = counts.reduce((sum, count) => sum + count, 0);
      assert.ok(!members.includes(nobody));
      counts.forEach((count, index) => {
        const shown = members.filter((member) => member === index).length / 256;
        assert.ok(Math.abs(shown - count / total) <= 1 / 256 + 1e-9);
      });
    }),
  );
});

test("a cell of a thousand members shows all of them, in columns of its own", () => {
  const pairs = Array.from({ length: 1_000 }, (_, index) => [index, 1 + (index % 3)]).flat();
  const { members, columns, columnsPerCell } = textureOf({ cells: Array.from({ length: 32 }, () => pairs) });
  assert.deepEqual([columns, columnsPerCell], [512, 16]);
  const shown = new Uint32Array(1_000);
  for (const member of members) shown[member] = (shown[member] as number) + 1;
  shown.forEach((places, index) => {
    const expected = (members.length * (1 + (index % 3))) / 1_999;
    assert.ok(Math.abs(places - expected) <= 32, `${index}: ${places} places of ${expected}`);
  });
  assert.equal(cellOfPlace(members.length - 1, columnsPerCell), 31);
});

test("painted areas are the shares, a quarter of the turn is a quarter of the cells", () => {
  const texture = textureOf({ cells: Array.from({ length: 8 }, (_, cell) => [cell < 2 ? 0 : 1, 3, 2, 1]) });
  const annulus = annulusOf(300, texture.columns);
  const pixels = new Uint32Array(300 * 300);
  const colours = new Uint32Array(["#ff0000", "#00ff00", "#0000ff"].map(bytesOfColour));
  paint(pixels, annulus, texture, colours);
  const area = (colour: number) => pixels.filter((pixel) => pixel === colours[colour]).length;
  const [first, second, third] = [area(0), area(1), area(2)];
  const all = first + second + third;
  for (const [seen, expected] of [
    [first, 0.75 * 0.25],
    [second, 0.75 * 0.75],
    [third, 0.25],
  ] as const) {
    assert.ok(Math.abs(seen / all - expected) < 0.01, `${seen / all} for ${expected}`);
  }
});

test("cells go clockwise from the top", () => {
  const cell = (dx: number, dy: number) => cellOfPlace(placeAt(dx, dy, 50, 100, 4), 1);
  assert.deepEqual([cell(60, -60), cell(60, 60), cell(-60, 60), cell(-60, -60)], [0, 1, 2, 3]);
});
