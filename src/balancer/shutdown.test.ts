import assert from "node:assert/strict";
import { test } from "node:test";
import { createShutdown } from "./shutdown.ts";

function record(lameDuckMs: number) {
  const steps: string[] = [];
  const waiting: (() => void)[] = [];
  const step = (name: string) => (deadlineMs: number) => {
    steps.push(`${name} ${deadlineMs}`);
    return new Promise<void>((resolve) => waiting.push(resolve));
  };
  const shutdown = createShutdown({
    lameDuckMs: () => lameDuckMs,
    stopAccepting: async () => void steps.push("stop accepting"),
    drain: step("drain"),
    stopReplicas: step("stop"),
    closeRest: async () => void steps.push("close"),
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { steps, shutdown, finish: () => waiting.splice(0).forEach((done) => void done()), turn };
}

test("one step after another; without a lame duck accepting stops at once", async () => {
  const { steps, shutdown, finish, turn } = record(0);
  assert.equal(shutdown.closing, false);
  const closed = shutdown.close(9);
  assert.equal(shutdown.closing, true);
  assert.deepEqual(steps, ["stop accepting"]);
  await turn();
  assert.deepEqual(steps.slice(1), ["drain 9"]);
  finish();
  await turn();
  assert.deepEqual(steps.slice(1), ["drain 9", "stop 9"]);
  finish();
  await closed;
  assert.deepEqual(steps.slice(1), ["drain 9", "stop 9", "close"]);
});

test("a second call ends the lame duck, and hurries whatever is under way", async () => {
  const { steps, shutdown, finish, turn } = record(3_600_000);
  const closed = shutdown.close(10_000_000);
  await turn();
  assert.deepEqual(steps, []);
  shutdown.close(500);
  await turn();
  assert.deepEqual(steps, ["stop accepting", "drain 500"]);
  shutdown.close(900); // never slower
  shutdown.close(0);
  assert.deepEqual(steps.slice(1), ["drain 500", "drain 500", "drain 0"]);
  finish();
  await turn();
  assert.deepEqual(steps.slice(4), ["stop 0"]);
  finish();
  await closed;
  assert.equal(steps.at(-1), "close");
});

test("without patience there is no lame duck", async () => {
  const { steps, shutdown } = record(3_600_000);
  void shutdown.close(0);
  assert.deepEqual(steps, ["stop accepting"]);
});
