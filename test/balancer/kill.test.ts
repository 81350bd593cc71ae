// Again and again kill -9 of a replica under 64 keep-alive connections of GET: nothing fails, N is back, and no key of a
// surviving seat moves; nor does anything fail where the one that is killed is the only one. The times are reported, not
// judged: the machine may be busy.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";
import { call, serverIn, until } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

const connections = 64;
const keys = Array.from({ length: 30 }, (_, key) => `key-${key}`);

/** Which replica serves each key, as the replicas themselves tell. */
async function ownersOf(door: TestDoor, agent: Agent): Promise<string[]> {
  return Promise.all(
    keys.map(async (key) => serverIn(await call(door.port, "/home", { agent, headers: { "x-key": key } }))),
  );
}

interface Load {
  readonly requests: number;
  readonly failures: readonly string[];
  stop(): Promise<void>;
}

/** Connections that each send the next GET as soon as the last was answered. */
function startLoad(port: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const failures: string[] = [];
  let requests = 0;
  let stopped = false;
  async function oneConnection(): Promise<void> {
    while (!stopped) {
      const headers = { "x-key": `load-${requests % 1000}` };
      requests += 1;
      const answer = await call(port, "/home", { agent, headers }).catch((error: Error) => error);
      if (answer instanceof Error) failures.push(answer.message);
      else if (answer.status !== 200) failures.push(`${answer.status} ${answer.body}`);
    }
  }
  const all = Array.from({ length: connections }, oneConnection);
  return {
    get requests() {
      return requests;
    },
    failures,
    stop: async () => {
      stopped = true;
      await Promise.all(all);
      agent.destroy();
    },
  };
}

/** Kills the replica on a seat and waits until another one serves there; the times in ms. */
async function killOn(door: TestDoor, seat: number): Promise<{ outMs: number; backMs: number }> {
  const victim = door.fleet.serving().find((replica) => replica.seat === seat);
  assert.ok(victim?.pid);
  const times = { outMs: Number.NaN, backMs: Number.NaN };
  const killedAt = performance.now();
  process.kill(victim.pid, "SIGKILL");
  await new Promise<void>((resolve) => {
    watch = ({ name, seat: where, state }) => {
      if (name === victim.name && state !== "healthy" && Number.isNaN(times.outMs)) {
        times.outMs = performance.now() - killedAt;
      }
      if (where !== seat || name === victim.name || state !== "healthy") return;
      times.backMs = performance.now() - killedAt;
      resolve();
    };
  });
  watch = () => {};
  return times;
}

let watch: (replica: { name: string; seat: number; state: string }) => void = () => {};

const cases: readonly [replicaCount: number, warm: number, rounds: number][] = [
  [3, 0, 20],
  [3, 1, 20],
  [1, 0, 3],
  [1, 1, 3],
];

for (const [replicaCount, warm, rounds] of cases) {
  test(`${rounds} × kill -9 of ${replicaCount} with ${warm} warm spares`, async (context) => {
    const door = await openDoor({ key: "header:X-Key", replicas: replicaCount, warm });
    door.fleet.onChange(({ replica }) => watch(replica));
    await door.settled;
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const load = startLoad(door.port);
    const outMs: number[] = [];
    const backMs: number[] = [];
    try {
      let owners = await ownersOf(door, agent);
      for (let round = 0; round < rounds; round += 1) {
        await until("the spares are there", () => door.status().spares.length === warm);
        await until("the spares are healthy", () =>
          door.status().spares.every(({ state }) => state === "healthy"),
        );
        const namesBefore = new Map(door.fleet.serving().map(({ seat, name }) => [seat, name]));
        const seat = (round % replicaCount) + 1;
        const times = await killOn(door, seat);
        outMs.push(times.outMs);
        backMs.push(times.backMs);
        assert.equal(door.fleet.serving().length, replicaCount);
        const dead = namesBefore.get(seat);
        const heir = door.fleet.serving().find((replica) => replica.seat === seat)?.name;
        const expected = owners.map((name) => (name === dead ? (heir ?? "nobody") : name));
        owners = await ownersOf(door, agent);
        assert.deepEqual(owners, expected, `round ${round}`);
      }
    } finally {
      await load.stop();
      agent.destroy();
      await door.close(0);
    }
    context.diagnostic(
      `${load.requests} requests, ${load.failures.length} failed; out of the ring after ${spread(outMs)} ms, replacement serves after ${spread(backMs)} ms (median, most)`,
    );
    assert.deepEqual(load.failures, []);
  });
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((value) => value?.toFixed(1)).join(", ");
}
