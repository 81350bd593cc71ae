import assert from "node:assert/strict";
import { test } from "node:test";
import type { Replica } from "../fleet/fleet.ts";
import { settleOptions } from "./options.ts";

const ignore = () => {};

test("the header policy of the configuration reaches the data plane", () => {
  const { proxy } = settleOptions({ headers: { via: false, underscoreNames: "refuse" } }, ignore);
  assert.deepEqual(proxy.headers, { via: false, underscoreNames: "refuse" });
});

test("servers that somebody else runs are hashed by their addresses, with --launcher static or without", () => {
  const replica = { address: { host: "10.0.0.1", port: 8080 } } as Replica;
  const upstreams = ["10.0.0.1:8080"];
  for (const options of [{ upstreams }, { upstreams, launcher: "static" as const }]) {
    assert.equal(settleOptions(options, ignore).labelOf(replica), "10.0.0.1:8080");
  }
  assert.equal(settleOptions({}, ignore).labelOf(replica), undefined);
});

test("a hash function is tried with the kind of key that it will meet", () => {
  const course = (key: string | number) => (key as number) ** 2 + 2 * (key as number) + 17;
  settleOptions({ hash: "assignment", requestHash: course }, ignore);
  assert.throws(() => settleOptions({ key: "path", requestHash: course }, ignore), {
    code: "BAD_CONFIG",
    message: /requestHash.*NaN/,
  });
  settleOptions({ key: () => 7, requestHash: course }, ignore);
  assert.throws(() => settleOptions({ virtualNodeHash: () => -1 }, ignore), {
    message: /virtualNodeHash.*-1/,
  });
});

test("servers and weights that the placement cannot have are refused at the start", () => {
  const upstreams = ["10.0.0.1:80@2", "10.0.0.2:80"];
  assert.throws(() => settleOptions({ hash: "jump", upstreams }, ignore), {
    code: "BAD_CONFIG",
    message: /jump has no weights/,
  });
  settleOptions({ hash: "ketama", upstreams }, ignore);
  assert.throws(() => settleOptions({ hash: "ketama", upstreams: ["a:1", "a:1"] }, ignore), {
    message: /distinct/,
  });
  assert.throws(() => settleOptions({ hash: "assignment", upstreams: ["a:1@100"] }, ignore), {
    code: "BAD_CONFIG",
  });
  settleOptions({ policy: "p2c", upstreams }, ignore);
});

test("what has no effect beside a policy or placement is refused", () => {
  for (const options of [
    { key: "path" },
    { boundedLoad: 1.25 },
    { stickyCookie: {} },
    { hash: "ketama" },
  ] as const) {
    assert.throws(() => settleOptions({ policy: "round-robin", ...options }, ignore), {
      code: "BAD_CONFIG",
      message: /would have no effect/,
    });
  }
  assert.throws(() => settleOptions({ hash: "jump", slowStartMs: 1000 }, ignore), {
    message: /jump has none/,
  });
  assert.equal(
    settleOptions({ policy: "p2c", slowStartMs: 1000, boundedLoad: "off" }, ignore).slowStartMs,
    1000,
  );
});
