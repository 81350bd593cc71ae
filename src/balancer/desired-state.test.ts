import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { RoundhouseError } from "../errors.ts";
import { createDesiredState, replicasToStart } from "./desired-state.ts";
import { readStateFile } from "./state-file.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-desired-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const quiet = { error: () => {} };

test("a save that has resolved is on disk, however many are asked for at once", async () => {
  const path = join(folder, "a.json");
  let count = 0;
  const state = createDesiredState(path, () => ({ replicasConfigured: count, replicas: [] }), quiet);
  const saves = Array.from({ length: 5 }, async () => {
    count += 1;
    const mine = count;
    await state.save();
    assert.ok((readStateFile(path)?.replicasConfigured ?? 0) >= mine);
  });
  await Promise.all(saves);
});

test("after the end nothing is written any more", async () => {
  const path = join(folder, "b.json");
  let count = 1;
  const state = createDesiredState(path, () => ({ replicasConfigured: count, replicas: [] }), quiet);
  state.note();
  await state.end();
  assert.equal(readStateFile(path)?.replicasConfigured, 1);
  count = 2;
  state.note();
  await state.save();
  assert.equal(readStateFile(path)?.replicasConfigured, 1);
});

test("a state that cannot be written is an error of its own, and the next save tries again", async () => {
  const path = join(folder, "later", "c.json");
  const state = createDesiredState(path, () => ({ replicasConfigured: 1, replicas: [] }), quiet);
  await assert.rejects(state.save(), (error: RoundhouseError) => {
    assert.equal(error.code, "STATE_NOT_SAVED");
    assert.match(error.message, /c\.json could not be written: ENOENT/);
    return true;
  });
  const { mkdirSync } = await import("node:fs");
  mkdirSync(join(folder, "later"));
  await state.save();
  assert.equal(readStateFile(path)?.replicasConfigured, 1);
});

test("an unchanged state is not written again", async () => {
  const path = join(folder, "d.json");
  const state = createDesiredState(path, () => ({ replicasConfigured: 1, replicas: [] }), quiet);
  await state.save();
  writeFileSync(path, "somebody else's");
  await state.save();
  assert.equal(readFileSync(path, "utf8"), "somebody else's");
});

test("a configuration that has changed since is the newer word about how many", () => {
  const replicas = [
    { name: "S2", seat: 2 },
    { name: "R1", seat: 1, weight: 3 },
    { name: "S7", seat: 4 },
  ];
  const stored = { replicas, replicasConfigured: 2 };
  assert.deepEqual(replicasToStart(stored, 2), replicas);
  assert.deepEqual(replicasToStart(stored, 1), replicas.slice(0, 1));
  assert.deepEqual(replicasToStart(stored, 5), [
    ...replicas,
    { name: "S1", seat: 3 },
    { name: "S3", seat: 5 },
  ]);
});

test("autoscale goes on from the last count, within its bounds, unless a new number is given", () => {
  const replicas = Array.from({ length: 6 }, (_, at) => ({ name: `S${at + 1}`, seat: at + 1 }));
  const stored = { replicas, replicasConfigured: 1 };
  const count = (configured: number, autoscale: { min?: number; max?: number }, given?: number) =>
    replicasToStart(stored, configured, { autoscale, ...(given === undefined ? {} : { replicas: given }) })
      .length;
  assert.equal(count(1, { max: 8 }), 6);
  assert.equal(count(3, { min: 3, max: 8 }), 6, "a least that is higher is no count to begin with");
  assert.equal(count(1, { max: 4 }), 4);
  assert.equal(count(7, { min: 7, max: 8 }), 7);
  assert.equal(count(2, { max: 8 }, 2), 2, "given anew");
  assert.equal(count(1, { max: 8 }, 1), 6, "as it was given before");
});
