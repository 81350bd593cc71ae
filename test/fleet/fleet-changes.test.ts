// What callers ask of a fleet of real processes: more of them, fewer, and the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isAlive, serverScript, sessionMembers, until } from "./processes.ts";
import { namesOf, node, startable } from "./tested-fleet.ts";

test("added replicas join together in the order given; removed ones finish what they have", async () => {
  const { fleet } = startable(node("slow-exit"));
  await fleet.start();
  await fleet.add(3, ["B", "A"]);
  assert.deepEqual(namesOf(fleet).slice(0, 5), ["S1", "S2", "S3", "B", "A"]);
  assert.deepEqual(
    fleet.serving().map(({ seat }) => seat),
    [1, 2, 3, 4, 5, 6],
  );
  const removed = fleet.replicas().find(({ name }) => name === "B");
  let inFlight = 1;
  fleet.setInFlightOf((name) => (name === "B" ? inFlight : 0));
  const { host, port } = removed?.address ?? {};
  const slow = fetch(`http://${host}:${port}/slow`).then((answer) => answer.text());
  await fleet.remove(1, ["B"]);
  assert.ok(!namesOf(fleet).includes("B"));
  assert.equal(fleet.replicas().find(({ name }) => name === "B")?.state, "draining");
  assert.equal(await slow, "slow done");
  inFlight = 0;
  await until("it is gone", () => !isAlive(removed?.pid as number));
  await until("nobody remembers it", () => fleet.replicas().every(({ name }) => name !== "B"));
  await fleet.add(1, ["B"]);
  assert.equal(fleet.serving().at(-1)?.seat, 4, "the lowest free seat");
});

test("an add that cannot succeed is rolled back whole", async () => {
  const only = "case $SERVER_ID in SLOW) sleep 1000;; S?) exec node $0;; *) exit 5;; esac";
  const cases = [
    [["SLOW", "SX"], 500, { code: "TIMEOUT", message: /SLOW \(connection refused\)/ }],
    [["BROKEN"], 60_000, { code: "START_FAILED", message: /BROKEN exited with code 5/ }],
  ] as const;
  for (const [names, addDeadlineMs, refusal] of cases) {
    const { fleet } = startable(["sh", "-c", only, serverScript], { addDeadlineMs });
    await fleet.start();
    await assert.rejects(fleet.add(names.length, [...names]), refusal);
    assert.deepEqual(namesOf(fleet), ["S1", "S2", "S3"]);
    assert.equal(fleet.desiredCount, 3);
    await until("what was started has stopped", () => fleet.replicas().length === 3);
  }
});

test("changes are carried out one after another, and refused when the fleet stops", async () => {
  const late = "case $SERVER_ID in LATE) exec sleep 1000;; *) exec node $0;; esac";
  const { fleet } = startable(["sh", "-c", late, serverScript], { replicaCount: 1 });
  await fleet.start();
  const both = [fleet.add(1, ["A"]), fleet.remove(1, ["A"]), fleet.remove(1, ["A"])];
  const [added, removed, again] = await Promise.allSettled(both);
  assert.equal(added?.status, "fulfilled");
  assert.equal(removed?.status, "fulfilled");
  assert.equal((again as PromiseRejectedResult).reason.code, "NOT_FOUND");
  const pending = fleet.add(1, ["LATE"]);
  const pids = await until("it is launched", () => {
    const all = fleet.replicas().map(({ pid }) => pid);
    return all.length >= 2 && all.every((pid) => pid !== null) ? all : null;
  });
  const stopping = fleet.stop(2_000);
  await assert.rejects(pending, { code: "SHUTTING_DOWN" });
  await stopping;
  await assert.rejects(fleet.add(1, []), { code: "SHUTTING_DOWN" });
  assert.ok(!pids.some((pid) => isAlive(pid as number)));
});

test("stopping waits for SIGTERM to be obeyed, also by a shell's children, and kills at the deadline", async () => {
  const grandchild = `sleep 1000 & ${process.execPath} ${serverScript} ignores-term`;
  const { fleet } = startable(["sh", "-c", grandchild], { replicaCount: 2 });
  await fleet.start();
  const pids = fleet.serving().flatMap(({ pid }) => sessionMembers(pid as number));
  assert.equal(pids.length, 6);
  await fleet.stop(1_000);
  assert.deepEqual(pids.filter(isAlive), []);
});
