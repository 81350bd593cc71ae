import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "./config-check.ts";

function messageFor(value: unknown): string {
  try {
    parseConfig(value, "roundhouse.config.ts");
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

test("a configuration without a fault comes back as it was", () => {
  const config = { replicas: 5, hash: "assignment" as const, heartbeat: { kind: "tcp" as const } };
  assert.deepEqual(parseConfig(config, "a test"), config);
});

test("a wrong value is named with its path, what was seen and what is accepted", () => {
  const cases: [unknown, string][] = [
    [{ replicas: "3" }, '"replicas" is "3"; accepted: a whole number from 0 to 10000'],
    [{ replicas: 2.5 }, '"replicas" is 2.5; accepted: a whole number'],
    [{ port: 70_000 }, '"port" is 70000; accepted: a port from 0 to 65535'],
    [{ hash: "md5" }, '"hash" is "md5"; accepted: one of "rendezvous", "assignment"'],
    [
      { heartbeat: { intervalMs: "fast" } },
      '"heartbeat.intervalMs" is "fast"; accepted: a whole number of mill',
    ],
    [{ upstreams: [3] }, '"upstreams.0" is 3; accepted: a list such as'],
    [{ limits: 7 }, '"limits" is 7; accepted: an object with headBytesMax'],
    [{ boundedLoad: 1 }, '"boundedLoad" is 1; accepted: a number above 1'],
    [{ key: 3 }, '"key" is 3; accepted: "random", "path"'],
    [{ requestHash: "H" }, '"requestHash" is "H"; accepted: a function (key) => whole number'],
    [[], "expected an object with options, got []"],
    ["3", 'expected an object with options, got "3"'],
  ];
  for (const [value, expected] of cases) assert.ok(messageFor(value).includes(expected), messageFor(value));
});

test("an unknown option is named, with the likely one and all that exist", () => {
  assert.match(
    messageFor({ replica: 3 }),
    /"replica" is not an option; did you mean "replicas"\? accepted: host, port/,
  );
  assert.match(messageFor({ heartbeat: { x: 1 } }), /"heartbeat.x" is not an option; accepted: kind, path/);
});

test("several faults are all named", () => {
  const message = messageFor({ port: -1, hash: "x" });
  assert.match(message, /Wrong options in roundhouse.config.ts:\n {2}"port" is -1.*\n {2}"hash" is "x"/);
});

test("a token is never shown", () => {
  assert.match(messageFor({ token: 123_456 }), /"token" is "\(not shown\)"/);
});
