// Routing by key, end to end: a key keeps its replica; the issued cookie sticks; a failing key function harms nobody.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, test } from "node:test";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { call, serverIn } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

const agent = new Agent({ keepAlive: true });
after(() => agent.destroy());

async function withDoor(options: FrontDoorOptions, use: (door: TestDoor) => Promise<void>): Promise<void> {
  const door = await openDoor({ replicas: 5, ...options });
  try {
    await door.settled;
    await use(door);
  } finally {
    await door.close(0);
  }
}

async function serverFor(door: TestDoor, headers: Record<string, string>, path = "/home"): Promise<string> {
  return serverIn(await call(door.port, path, { headers, agent }));
}

test("a key keeps its replica, different keys spread, and a request without it falls back", async () => {
  await withDoor({ key: "cookie:SID,header:X-User,query:u" }, async (door) => {
    const seen = new Set<string>();
    for (let user = 0; user < 40; user += 1) {
      const byCookie = await serverFor(door, { cookie: `a=b; SID=u${user}`, "x-user": "other" });
      assert.equal(await serverFor(door, { cookie: `SID=u${user}` }), byCookie);
      assert.equal(await serverFor(door, { "x-user": `u${user}` }), byCookie);
      assert.equal(await serverFor(door, {}, `/home?x=1&u=u${user}`), byCookie);
      seen.add(byCookie);
    }
    assert.equal(seen.size, 5);
    const without = new Set<string>();
    for (let request = 0; request < 100; request += 1) without.add(await serverFor(door, {}));
    assert.equal(without.size, 5);
  });
});

test("adding a replica moves only what it takes, removing it moves that back", async () => {
  await withDoor({ key: "header:x" }, async (door) => {
    const owners = () =>
      Promise.all(Array.from({ length: 200 }, (_, key) => serverFor(door, { x: `key-${key}` })));
    const before = await owners();
    await door.fleet.add(1, ["new"]);
    const during = await owners();
    const moved = during.filter((name, key) => name !== before[key]);
    assert.ok(moved.length > 0 && moved.every((name) => name === "new"));
    await door.fleet.remove(1, ["new"]);
    assert.deepEqual(await owners(), before);
  });
});

test("the issued cookie brings a client back to the same replica", async () => {
  await withDoor({ stickyCookie: { name: "door", maxAgeS: 3600 } }, async (door) => {
    const seen = new Set<string>();
    for (let client = 0; client < 40; client += 1) {
      const first = await call(door.port, "/home", { agent });
      const [issued = ""] = first.headers["set-cookie"] ?? [];
      assert.match(issued, /^door=[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=3600$/);
      const cookie = issued.split(";")[0] as string;
      for (let request = 0; request < 3; request += 1) {
        const next = await call(door.port, "/home", { agent, headers: { cookie } });
        assert.equal(serverIn(next), serverIn(first));
        assert.equal(next.headers["set-cookie"], undefined);
      }
      seen.add(serverIn(first));
    }
    assert.equal(seen.size, 5);
  });
});

test("a key function chooses; one that throws harms no request, and is counted and logged once", async () => {
  const key = (request: { readonly target: string }) => {
    if (request.target.includes("throw")) throw new Error("cannot cope");
    return "always the same";
  };
  await withDoor({ key }, async (door) => {
    const same = new Set<string>();
    for (let request = 0; request < 20; request += 1) same.add(await serverFor(door, {}));
    assert.equal(same.size, 1);
    const thrown = new Set<string>();
    for (let request = 0; request < 100; request += 1) thrown.add(await serverFor(door, {}, "/home?throw"));
    assert.equal(thrown.size, 5);
    const complaints = door.logged.filter(({ event }) => event === "routing-key");
    assert.equal(complaints.length, 1);
    assert.match(String(complaints[0]?.msg), /cannot cope/);
    const { body } = await call(door.admin?.port ?? 0, "/metrics");
    assert.match(body, /^roundhouse_routing_key_errors_total 100$/m);
  });
});

test("the course placement takes request ids as they are", async () => {
  await withDoor({ replicas: 3, hash: "assignment" }, async (door) => {
    const { replicas } = door.status();
    const shares = replicas.map(({ share }) => ((share ?? 0) * 100).toFixed(1));
    // Ids 1 to 3 and six-digit request ids: the golden shares of the contract.
    assert.deepEqual(shares, ["84.4", "4.7", "10.9"]);
    const counts = new Map<string, number>();
    for (let request = 0; request < 2000; request += 1) {
      const name = await serverFor(door, {});
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    // Standard deviations: 16, 9 and 14 of 2000.
    assert.ok(Math.abs((counts.get("S1") ?? 0) - 1688) < 90, `S1 answered ${counts.get("S1")} of 2000`);
    assert.ok(Math.abs((counts.get("S3") ?? 0) - 219) < 80, `S3 answered ${counts.get("S3")} of 2000`);
  });
});

test("with bounded load one key's requests spill over once its replica has more than its part", async () => {
  const slow = new URL("./slow-replica.mjs", import.meta.url).pathname;
  const door = await openDoor({ key: "header:x", boundedLoad: 1.25, replicas: 4 }, [process.execPath, slow]);
  try {
    await door.settled;
    const alone = new Set<string>();
    for (let request = 0; request < 10; request += 1) {
      alone.add((await call(door.port, "/one", { agent, headers: { x: "hot" } })).body);
    }
    assert.equal(alone.size, 1);
    const many = Array.from({ length: 40 }, () =>
      call(door.port, "/slow?ms=300", { agent, headers: { x: "hot" } }),
    );
    const counts = new Map<string, number>();
    for (const { body } of await Promise.all(many)) counts.set(body, (counts.get(body) ?? 0) + 1);
    // 40 in flight over 4 replicas: at most 1.25 × 10 each, and one for rounding.
    assert.equal(counts.size, 4);
    for (const [name, count] of counts) assert.ok(count <= 14, `${name} had ${count} of 40`);
  } finally {
    await door.close(0);
  }
});
