import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { RoundhouseError } from "../errors.ts";
import { readStateFile, type StoredState, stateText, writeStateFile } from "./state-file.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-state-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "state.json");

const replica = fc.record(
  {
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/),
    seat: fc.integer({ min: 1, max: 65_535 }),
    weight: fc.double({ min: 0.001, max: 1000, noNaN: true }),
  },
  { requiredKeys: ["name", "seat"], noNullPrototype: true },
);
const states: fc.Arbitrary<StoredState> = fc.record(
  {
    replicasConfigured: fc.nat(10_000),
    replicas: fc
      .uniqueArray(replica, { selector: ({ name }) => name, maxLength: 20 })
      .map((all) => all.filter(({ seat }, at) => all.findIndex((other) => other.seat === seat) === at)),
  },
  { noNullPrototype: true },
);

test("what is written is read, and nothing else is left in the folder", async () => {
  await fc.assert(
    fc.asyncProperty(states, async (state) => {
      await writeStateFile(path, stateText(state));
      assert.deepEqual(readStateFile(path), state);
    }),
    { numRuns: 30 },
  );
  assert.deepEqual(readdirSync(folder), ["state.json"]);
});

test("no file is no state", () => {
  assert.equal(readStateFile(join(folder, "none.json")), null);
});

test("a file that cannot be understood is refused with what to do, and left as it is", () => {
  const good = JSON.parse(stateText({ replicasConfigured: 1, replicas: [{ name: "S1", seat: 1 }] }));
  const twin = { name: "S2", seat: 1 };
  const cases: [string, RegExp][] = [
    ["", /damaged .*move it away/],
    ["{", /damaged/],
    ["null", /damaged/],
    [stateText({ replicasConfigured: 1, replicas: [] }).slice(0, -4), /damaged/],
    [
      JSON.stringify({ ...good, version: 2 }),
      /version 2, and this program reads version 1; use the program that wrote it/,
    ],
    [JSON.stringify({ ...good, format: "other" }), /format/],
    [JSON.stringify({ ...good, replicas: [{ name: "S1", seat: 0 }] }), /seat/],
    [JSON.stringify({ ...good, replicas: [{ name: "../x", seat: 1 }] }), /name/],
    [JSON.stringify({ ...good, replicas: [...good.replicas, twin] }), /the seat 1 occurs twice/],
    [JSON.stringify({ ...good, surprise: true }), /surprise/],
  ];
  for (const [text, words] of cases) {
    writeFileSync(path, text);
    assert.throws(
      () => readStateFile(path),
      (error) => error instanceof RoundhouseError && error.code === "BAD_CONFIG" && words.test(error.message),
      text,
    );
    assert.equal(readFileSync(path, "utf8"), text);
  }
});

test("a write that fails leaves the old file", async () => {
  const text = stateText({ replicasConfigured: 0, replicas: [] });
  await assert.rejects(writeStateFile(join(folder, "missing", "state.json"), text), { code: "ENOENT" });
  await writeStateFile(path, text);
  assert.equal(readFileSync(path, "utf8"), text);
});
