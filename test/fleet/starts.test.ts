// Starts that do not go well: programs that are not there or exit at once, and ports that somebody else has taken.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isAlive, serverScript, until } from "./processes.ts";
import { ask, listening, node, startable, type Told } from "./tested-fleet.ts";

test("a command that does not exist is told once, retried, and start() ends all the same", async () => {
  const { fleet, told } = startable(["/no/such/program"], { replicaCount: 1 });
  await fleet.start();
  assert.deepEqual(fleet.serving(), []);
  const [replica] = fleet.replicas();
  assert.equal(replica?.state, "starting");
  assert.match(replica?.reason ?? "", /there is no program "\/no\/such\/program"/);
  const about = (): string[] => told.lines.filter((line) => line.includes("no program"));
  assert.equal(about().length, 1);
});

test("a command that the system refuses at once ends nothing but its start", async () => {
  const long = "x".repeat(200_000);
  for (const command of [
    [""],
    ["no\0de"],
    [process.execPath, "a\0b"],
    [`${serverScript}/x`],
    ["true", long],
  ]) {
    const { fleet, told } = startable(command, { replicaCount: 1 });
    await fleet.start();
    assert.match(told.lines.join("\n"), /S1 failed to start: it could not be run: /);
    assert.deepEqual(fleet.serving(), []);
  }
});

test("a command that exits at once is tried again with growing pauses, and told once", async () => {
  const { fleet, told } = startable(["sh", "-c", "echo try; exit 7"], { replicaCount: 1 });
  await fleet.start();
  await until("it was tried three times", () => told.output.length >= 3);
  assert.equal(told.lines.filter((line) => line.includes("exited with code 7")).length, 1);
  assert.equal(fleet.desiredCount, 1);
});

test("a replica that finds its port taken moves to another port", async () => {
  const { fleet, told } = startable(node("asks-for-thief"), { replicaCount: 1 });
  const stolen = stealFirst(told);
  await fleet.start();
  const [replica] = fleet.serving();
  assert.equal(replica?.name, "S1");
  assert.notEqual(replica?.address?.port, await stolen);
  assert.equal((await ask(fleet, "S1")).id, "S1");
});

test("a replica whose port answers for somebody else moves, though it stays alive", {
  skip: process.platform === "linux" ? false : "skipped: needs /proc",
}, async () => {
  const { fleet, told } = startable(node("asks-for-thief", "stubborn"), { replicaCount: 1 });
  const stolen = stealFirst(told);
  await fleet.start();
  const [replica] = fleet.serving();
  assert.notEqual(replica?.address?.port, await stolen);
  assert.equal((await ask(fleet, "S1")).id, "S1");
});

/** Takes the first port that a replica announces; then lets it and its successors go on. Gives that port. */
async function stealFirst(told: Told): Promise<number> {
  const announced = (): string[] =>
    told.output.map(({ line }) => line).filter((line) => line.startsWith("thief wanted"));
  const port = Number((await until("a replica announces its port", () => announced()[0])).split(" ")[3]);
  await listening((_request, response) => response.end("stolen"), port);
  let signalled = 0;
  await until("one of them listens", () => {
    for (const line of announced().slice(signalled)) {
      signalled += 1;
      const pid = Number(line.split(" ").at(-1));
      if (isAlive(pid)) process.kill(pid, "SIGUSR2");
    }
    return told.output.some(({ line }) => line.startsWith("ready"));
  });
  return port;
}
