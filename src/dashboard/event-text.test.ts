import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEventReader } from "./event-text.ts";

test("events come out the same however the text was cut", () => {
  const event = fc.record({ name: fc.constantFrom("fleet", "ring"), value: fc.jsonValue() });
  fc.assert(
    fc.property(fc.array(event), fc.array(fc.nat(200)), (events, cuts) => {
      const text = events
        .map(({ name, value }) => `event: ${name}\ndata: ${JSON.stringify(value)}\n\n:\n\n`)
        .join("");
      const read = createEventReader();
      const got = [];
      let rest = text;
      for (const cut of cuts) {
        got.push(...read(rest.slice(0, cut)));
        rest = rest.slice(cut);
      }
      got.push(...read(rest));
      assert.deepEqual(
        got,
        events.map(({ name, value }) => ({ name, data: JSON.stringify(value) })),
      );
    }),
  );
});
