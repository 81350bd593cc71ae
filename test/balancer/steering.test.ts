// What an operator changes while requests run: weights, the bound on loads, spread keys; and the hot keys to see first.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, test } from "node:test";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import type { HotKeysReport, PolicyReport } from "../../src/balancer/steering-api.ts";
import { call, serverIn, until } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";
import { portsOf, released, underWay } from "./held-requests.ts";

const agent = new Agent({ keepAlive: true });
after(() => agent.destroy());
const slow = [process.execPath, new URL("./slow-replica.mjs", import.meta.url).pathname] as const;

async function withDoor(
  options: FrontDoorOptions,
  use: (door: TestDoor) => Promise<void>,
  command?: readonly [string, ...string[]],
): Promise<void> {
  const door = await openDoor({ replicas: 3, ...options }, command);
  try {
    await door.settled;
    await use(door);
  } finally {
    await door.close(0);
  }
}

async function admin<Report>(door: TestDoor, method: string, path: string, body?: object): Promise<Report> {
  const answer = await call(door.admin?.port ?? 0, path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(answer.body) as Report;
}

/** Requests by who answered them. */
async function answered(
  door: TestDoor,
  requests: number,
  path: (n: number) => string,
): Promise<Map<string, number>> {
  const got = new Map<string, number>();
  for (let n = 0; n < requests; n += 1) {
    const name = serverIn(await call(door.port, path(n), { agent }));
    got.set(name, (got.get(name) ?? 0) + 1);
  }
  return got;
}

for (const policy of ["round-robin", "least-request"] as const) {
  test(`${policy}: weights are exact, change at once, and stay with the seat of one that is killed`, async () => {
    await withDoor({ policy }, async (door) => {
      await admin(door, "PUT", "/api/v1/replicas/S2", { weight: 2 });
      await admin(door, "PUT", "/api/v1/replicas/S3", { weight: 4 });
      assertShares(await answered(door, 700, () => "/home"), ["S1", "S2", "S3"]);
      const killed = door.status().replicas.find(({ name }) => name === "S3");
      process.kill(killed?.pid ?? 0, "SIGKILL");
      await until(
        "a replacement serves",
        () => door.status().serving === 3 && !nameOf(door, 3).startsWith("S"),
      );
      assert.equal(door.status().replicas.find(({ seat }) => seat === 3)?.weight, 4);
      assertShares(await answered(door, 700, () => "/home"), ["S1", "S2", nameOf(door, 3)]);
      assert.ok(Math.abs((door.status().replicas[0]?.share ?? 0) - 1 / 7) < 1e-9);
    });
  });
}

/** Within 1 %: round robin is exact in each cycle, least request in the long run. */
function assertShares(got: ReadonlyMap<string, number>, names: readonly string[]): void {
  const total = [...got.values()].reduce((sum, count) => sum + count, 0);
  for (const [index, part] of [1 / 7, 2 / 7, 4 / 7].entries()) {
    const share = (got.get(names[index] ?? "") ?? 0) / total;
    assert.ok(Math.abs(share - part) <= 0.01, `${names[index]}: ${share} instead of ${part}`);
  }
}

function nameOf(door: TestDoor, of: number): string {
  return door.status().replicas.find(({ seat, state }) => seat === of && state === "healthy")?.name ?? "S";
}

test("hash: a weight moves keys to the heavier one alone", async () => {
  await withDoor({ key: "query:k" }, async (door) => {
    const owners = async () => {
      const names: string[] = [];
      for (let n = 0; n < 150; n += 1) names.push(serverIn(await call(door.port, `/home?k=${n}`, { agent })));
      return names;
    };
    const before = await owners();
    await admin(door, "PUT", "/api/v1/replicas/S1", { weight: 3 });
    for (const [key, owner] of (await owners()).entries())
      if (owner !== before[key]) assert.equal(owner, "S1");
    assert.ok(Math.abs((door.status().replicas[0]?.share ?? 0) - 3 / 5) < 0.01);
    await admin(door, "PUT", "/api/v1/replicas/S1", { weight: 1 });
    assert.deepEqual(await owners(), before);
  });
});

test("a hot key is found, spread over three, stays spread when one of them dies, and goes home again", async () => {
  // The issued cookie is a key like any other.
  await withDoor({ replicas: 5, key: "random", stickyCookie: { name: "SID" } }, async (door) => {
    const hot = (path = "/home") => call(door.port, path, { agent, headers: { cookie: "SID=celebrity" } });
    for (let n = 0; n < 60; n += 1) {
      await hot();
      await call(door.port, "/home", { agent, headers: { cookie: `SID=fan-${n}` } });
    }
    const { keys } = await admin<HotKeysReport>(door, "GET", "/api/v1/hot-keys?count=3");
    assert.equal(keys[0]?.key, "celebrity");
    assert.ok((keys[0]?.share ?? 0) > 0.45);
    assert.equal(keys[0]?.replica, serverIn(await hot()));
    const servers = async () => {
      const names = new Set<string>();
      for (let n = 0; n < 30; n += 1) names.add(serverIn(await hot()));
      return [...names].sort();
    };
    assert.equal((await servers()).length, 1);
    const spread = { key: "celebrity", over: 3 };
    const { spreads } = await admin<PolicyReport>(door, "PUT", "/api/v1/spreads", spread);
    assert.deepEqual(await servers(), [...(spreads[0]?.replicas ?? [])].sort());
    assert.equal(spreads[0]?.replicas.length, 3);
    const owner = spreads[0]?.replicas[0];
    const respawns = door.status().respawns;
    process.kill(door.status().replicas.find(({ name }) => name === owner)?.pid ?? 0, "SIGKILL");
    await until("it is replaced", () => door.status().respawns > respawns && door.status().serving === 5);
    const after = await servers();
    assert.equal(after.length, 3);
    assert.ok(!after.includes(owner ?? ""));
    await admin(door, "DELETE", "/api/v1/spreads?key=celebrity");
    assert.equal((await servers()).length, 1);
    const page = (await call(door.admin?.port ?? 0, "/metrics")).body;
    assert.match(page, /^roundhouse_spread_requests_total 60$/m);
    assert.match(page, /^roundhouse_hot_key_requests_per_second\{rank="1"\} [1-9]/m);
    assert.ok(!page.includes("celebrity"));
  });
});

test("the bound on loads is switched on and off while requests run, and what overflows is counted", async () => {
  const burst = async (door: TestDoor) => {
    const asked = Array.from({ length: 40 }, () => call(door.port, "/held?k=hot", { agent }));
    await until("all are under way", () => underWay(door) === 40);
    const got = new Map<string, number>();
    for (const { body } of await released(portsOf(door), asked)) got.set(body, (got.get(body) ?? 0) + 1);
    return [...got.values()];
  };
  await withDoor(
    { replicas: 4, key: "query:k" },
    async (door) => {
      assert.deepEqual(await burst(door), [40]);
      await admin(door, "PUT", "/api/v1/bounded-load", { factor: 1.25 });
      const bounded = await burst(door);
      assert.equal(bounded.length, 4);
      assert.ok(Math.max(...bounded) <= 1.25 * 10 + 1, String(bounded));
      const report = await admin<PolicyReport>(door, "PUT", "/api/v1/bounded-load", { factor: "off" });
      assert.deepEqual([report.boundedLoad, report.bounded], ["off", 40]);
      assert.ok(report.overflowed >= 26 && report.overflowShare === report.overflowed / 40);
      assert.deepEqual(await burst(door), [40]);
    },
    slow,
  );
});

test("Zipf(1.1) keys over ten replicas: none has more than 1.25 times the average and one request", async () => {
  await withDoor(
    { replicas: 10, key: "query:k", boundedLoad: 1.25 },
    async (door) => {
      const keyOf = zipf(500, 1.1);
      const concurrency = 80;
      let [peak, total, samples] = [0, 0, 0];
      let left = 1200;
      const client = async () => {
        while (left-- > 0) {
          await call(door.port, `/slow?ms=20&k=${keyOf()}`, { agent });
          const loads = door.status().replicas.map(({ inFlight }) => inFlight);
          peak = Math.max(peak, ...loads);
          total += loads.reduce((sum, load) => sum + load, 0);
          samples += 1;
        }
      };
      await Promise.all(Array.from({ length: concurrency }, client));
      // Never more than 80 at the same time, so 8 each on average at most; and the replicas were kept busy.
      assert.ok(peak <= (1.25 * concurrency) / 10 + 1, `${peak} at the same time`);
      assert.ok(total / samples > concurrency / 8, `${total / samples} under way on average`);
      const { bounded, overflowShare } = await admin<PolicyReport>(door, "GET", "/api/v1/policy");
      assert.equal(bounded, 1200);
      assert.ok(overflowShare > 0.02 && overflowShare < 0.6, `${overflowShare} overflowed`);
    },
    slow,
  );
});

/** Key of rank r as often as r^−s says. */
function zipf(count: number, s: number): () => number {
  const ends: number[] = [];
  for (let rank = 1; rank <= count; rank += 1) ends.push((ends.at(-1) ?? 0) + rank ** -s);
  return () => {
    const point = Math.random() * (ends.at(-1) ?? 0);
    return ends.findIndex((end) => end > point);
  };
}

test("slow start: a replica that is added begins with a tenth of its weight", async () => {
  await withDoor({ policy: "round-robin", slowStartMs: 600_000 }, async (door) => {
    await door.fleet.add(1, ["late"]);
    const got = await answered(door, 62, () => "/home");
    assert.deepEqual([got.get("S1"), got.get("S2"), got.get("S3"), got.get("late")], [20, 20, 20, 2]);
    assert.deepEqual(
      door.status().replicas.map(({ name, weight, ramp }) => [name, weight, ramp]),
      [
        ["S1", 1, 1],
        ["S2", 1, 1],
        ["S3", 1, 1],
        ["late", 1, 0.1],
      ],
    );
  });
});

test("what is wrong is refused in words, and nothing has changed", async () => {
  await withDoor({ key: "path", hash: "jump" }, async (door) => {
    const before = await admin<PolicyReport>(door, "GET", "/api/v1/policy");
    const cases: [method: string, path: string, body: object | undefined, words: RegExp][] = [
      ["PUT", "/api/v1/replicas/S9", { weight: 2 }, /none of that name/],
      ["PUT", "/api/v1/replicas/S1", { weight: 0 }, /from 0.001 to 1000/],
      ["PUT", "/api/v1/replicas/S1", {}, /weight nothing/],
      ["PUT", "/api/v1/replicas/S1", { weight: 2 }, /jump has no weights/],
      ["PUT", "/api/v1/bounded-load", { factor: 1 }, /above 1/],
      ["PUT", "/api/v1/bounded-load", {}, /factor is missing/],
      ["PUT", "/api/v1/spreads", { key: "/a", over: 1 }, /from 2 to 64/],
      ["PUT", "/api/v1/spreads", { key: "/a", id: 3, over: 2 }, /Either key/],
      ["PUT", "/api/v1/spreads", { over: 2 }, /Either key/],
      ["DELETE", "/api/v1/spreads?key=/a", undefined, /is not spread/],
      ["GET", "/api/v1/hot-keys?count=x", undefined, /from 1 to 100/],
    ];
    for (const [method, path, body, words] of cases) {
      const json = body === undefined ? {} : { body: JSON.stringify(body) };
      const answer = await call(door.admin?.port ?? 0, path, { method, ...json });
      const status = path.endsWith("/S9") ? 404 : 400;
      assert.equal(answer.status, status, `${method} ${path}: ${answer.body}`);
      assert.match(answer.body, words);
    }
    const foreign = await call(door.admin?.port ?? 0, "/api/v1/bounded-load", {
      method: "PUT",
      headers: { via: "1.1 proxy" },
      body: '{"factor":2}',
    });
    assert.equal(foreign.status, 403);
    for (let n = 0; n < 64; n += 1) await admin(door, "PUT", "/api/v1/spreads", { key: `/${n}`, over: 2 });
    const full = await call(door.admin?.port ?? 0, "/api/v1/spreads", {
      method: "PUT",
      body: '{"key":"/x","over":2}',
    });
    assert.match(full.body, /64 keys are spread already/);
    for (let n = 0; n < 64; n += 1) await admin(door, "DELETE", `/api/v1/spreads?key=/${n}`);
    assert.deepEqual(await admin(door, "GET", "/api/v1/policy"), before);
  });
  await withDoor({ policy: "p2c", replicas: 1 }, async (door) => {
    for (const [method, path, words] of [
      ["GET", "/api/v1/hot-keys", /no hot keys to find/],
      ["PUT", "/api/v1/bounded-load", /for the policy hash/],
    ] as const) {
      const answer = await call(door.admin?.port ?? 0, path, { method, body: '{"factor":2}' });
      assert.equal(answer.status, 400);
      assert.match(answer.body, words);
    }
  });
});
