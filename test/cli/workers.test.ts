// Several processes behind one port: real workers, real kills.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startLoad } from "../balancer/steady-load.ts";
import { eventually, type RunningFrontDoor, run, up } from "./roundhouse-process.ts";

const directory = mkdtempSync(join(tmpdir(), "roundhouse-workers-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const connections = 256;

async function metric(door: RunningFrontDoor, pattern: RegExp): Promise<number> {
  const page = await (await fetch(`${door.adminUrl}/metrics`)).text();
  return page
    .split("\n")
    .filter((line) => pattern.test(line))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

const workersOf = (door: RunningFrontDoor) => [
  ...new Set(door.log.flatMap(({ event, pids }) => (event === "workers" ? (pids as number[]) : []))),
];

test("a roll and a stop under 256 connections lose nothing, and the metrics are one sum", async () => {
  const door = await up(["--workers", "2"], { cwd: directory });
  const port = Number(new URL(door.url).port);
  const load = startLoad(port, "/home", connections, 5);
  await eventually("each connection has been served", () => load.served >= connections);
  const rolled = await run(["reload", "--workers", "--admin", door.adminUrl]);
  assert.equal(rolled.stdout, "Nothing has changed; 2 workers replaced\n", rolled.stderr);
  await eventually("the old ones have handed over", () => load.reopened >= connections);
  const added = await run(["add", "S9", "--url", door.url]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await run(["rm", "S1", "--url", door.url])).code, 0);
  const answered = load.answered;
  const counted = await metric(door, /^roundhouse_requests_total\{replica="[^(]/);
  assert.ok(counted >= answered - connections, `${counted} counted, ${answered} answered`);
  assert.equal(await metric(door, /^roundhouse_connections /), connections);
  await Promise.all([door.stop(), load.stop()]);
  assert.deepEqual(load.lost, []);
});

test("a worker that is killed is replaced at once; with the front door all of them go", async () => {
  const door = await up(["--workers", "2", "-n", "1"], { cwd: directory });
  const [victim, other] = workersOf(door);
  process.kill(victim as number, "SIGKILL");
  await eventually("there are two again", () => workersOf(door).length === 3);
  assert.equal((await fetch(`${door.url}/home`)).status, 200);
  door.signal("SIGKILL");
  await door.ended;
  await eventually("nobody is left", () =>
    [other, ...workersOf(door)].every((pid) => !isAlive(pid as number)),
  );
});

test("a port in use is told in the words of one process", async () => {
  const door = await up(["-n", "0"], { cwd: directory });
  const { port } = new URL(door.url);
  const second = await run(["up", "--workers", "2", "--port", port, "--admin-port", "0"], { cwd: directory });
  await door.stop();
  assert.match(second.stderr, /front door on 127\.0\.0\.1:\d+: the port is in use.*--port/);
  assert.equal(second.code, 1);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
