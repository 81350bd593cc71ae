import assert from "node:assert/strict";
import { test } from "node:test";
import type { RoundhouseError } from "../errors.ts";
import { changedOptions } from "./reload.ts";

test("the options that differ are named by their paths", () => {
  const before = { replicas: 3, limits: { headBytesMax: 1000, headerCountMax: 5 }, allow: ["10.0.0.0/8"] };
  assert.deepEqual(changedOptions(before, structuredClone(before)), []);
  assert.deepEqual(
    changedOptions(before, { replicas: 4, limits: { headBytesMax: 2000, headerCountMax: 5 }, drainMs: 1 }),
    ["replicas", "limits.headBytesMax", "allow", "drainMs"],
  );
  assert.deepEqual(changedOptions({}, { heartbeat: { path: "/x" } }), ["heartbeat.path"]);
});

test("functions are compared by their text, since loading a file again makes new ones", () => {
  const load = () => ({ key: (request: { target: string }) => request.target });
  assert.deepEqual(changedOptions(load(), load()), []);
  assert.deepEqual(changedOptions(load(), { key: () => "all" }), ["key"]);
  assert.deepEqual(changedOptions(load(), { key: "path" }), ["key"]);
});

test("one change that needs a restart refuses all, and says which and what else", () => {
  assert.throws(
    () => changedOptions({ port: 1, drainMs: 5 }, { port: 2, slots: 100, drainMs: 6 }),
    (error: RoundhouseError) => {
      assert.equal(error.code, "BAD_CONFIG");
      assert.match(error.message, /^Nothing was changed: port, slots cannot be changed while .*restart it/);
      assert.match(error.message, /drainMs would have been changed, and was not$/);
      return true;
    },
  );
  assert.throws(
    () => changedOptions({ log: { format: "json" } }, { log: { format: "pretty" } }),
    /log\.format/,
  );
  assert.deepEqual(changedOptions({ log: { level: "info" } }, { log: { level: "debug" } }), ["log.level"]);
});
