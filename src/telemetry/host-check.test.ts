import assert from "node:assert/strict";
import { test } from "node:test";
import { hostIsOurs, hostName } from "./host-check.ts";

test("addresses, localhost and configured names are ours", () => {
  for (const host of [
    "localhost",
    "LOCALHOST:5000",
    "app.localhost",
    "127.0.0.1:5010",
    "[::1]:5010",
    "10.0.0.1",
    "Door.example",
  ]) {
    assert.ok(hostIsOurs(host, ["door.example"]), host);
  }
});

test("other names, and what is no Host, are not", () => {
  const foreign = [
    undefined,
    "",
    "evil.example",
    "localhost.evil.example",
    "notlocalhost",
    "door.example.evil",
    "a b",
  ];
  const malformed = ["localhost:", "localhost:123456", "user@localhost", "localhost/x", "[::1", "::1"];
  for (const host of [...foreign, ...malformed]) assert.ok(!hostIsOurs(host, ["door.example"]), String(host));
  assert.equal(hostName("[::1]:5010"), "::1");
});
