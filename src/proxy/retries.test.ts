// Retries by the policy: what is tried again, what is not, and that all of them together keep to their budget.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultRetryPolicy, Retries } from "./retries.ts";
import {
  answering,
  ask,
  eventually,
  get,
  getClose,
  ok,
  rawClient,
  type ScriptedUpstream,
  scriptedUpstream,
  type TestedProxy,
  testedProxy,
} from "./scripted.test.ts";
import { createUpstream, type Upstream } from "./upstream.ts";

const unavailable = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
const retries = { attempts: 2, minRetries: 1, budgetPercent: 0 };

async function withUpstreams(
  scripts: readonly Parameters<typeof scriptedUpstream>[0][],
  options: Parameters<typeof testedProxy>[1],
  use: (tested: TestedProxy, upstreams: readonly ScriptedUpstream[]) => Promise<void>,
): Promise<void> {
  const upstreams = await Promise.all(scripts.map(scriptedUpstream));
  const tested = await testedProxy(
    upstreams.map(({ port }) => port),
    options,
  );
  await use(tested, upstreams);
  for (const each of [tested, ...upstreams]) each.close();
}

const asked = (upstreams: readonly ScriptedUpstream[]) => upstreams.map(({ received }) => received.length);

test("502, 503 and 504 are tried elsewhere; the last answer is passed on when all are used up", () =>
  withUpstreams(
    [answering(unavailable), answering(unavailable), answering(unavailable), answering(ok("hello"))],
    { retries },
    async (tested, upstreams) => {
      assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 503 .*busy$/s);
      assert.deepEqual(asked(upstreams), [1, 1, 1, 0]);
      const { made, exhausted, overBudget } = tested.proxy.stats.retries;
      assert.deepEqual({ made, exhausted, overBudget }, { made: 2, exhausted: 1, overBudget: 0 });
      assert.deepEqual(tested.noted, ["S1 503", "S2 503", "S3 503"], "each one counts against its replica");
    },
  ));

test("the connection behind an answer that nobody wanted serves again", () =>
  withUpstreams(
    [answering(unavailable), answering(ok("hello"))],
    { retries },
    async (tested, [first, second]) => {
      for (let round = 0; round < 3; round += 1) assert.match(await ask(tested.port, getClose()), /hello$/);
      assert.deepEqual([first?.sockets.length, second?.sockets.length], [1, 1]);
      assert.equal(tested.upstreams[0]?.stats.redispatched, 3);
      assert.equal(tested.upstreams[0]?.inFlight, 0);
    },
  ));

test("a long or unframed 503 is given up with its connection", async () => {
  const long = `HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n${"x".repeat(100_000)}`;
  const chunked = "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n";
  for (const bad of [long, chunked]) {
    await withUpstreams([answering(bad), answering(ok("hello"))], { retries }, async (tested, [first]) => {
      assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 200 .*hello$/s);
      await eventually(() => tested.upstreams[0]?.connections === 0);
      assert.equal(first?.sockets.length, 1);
    });
  }
});

test("a POST, a 500, and everything without a policy are passed on as they are", () =>
  withUpstreams([answering(unavailable), answering(ok("hello"))], { retries }, async (tested, upstreams) => {
    const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    assert.match(await ask(tested.port, post), /^HTTP\/1.1 503 /);
    const port = upstreams[0]?.port ?? 0;
    const plain = await testedProxy([port, port]);
    assert.match(await ask(plain.port, getClose()), /^HTTP\/1.1 503 /);
    const failing = await scriptedUpstream(answering("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"));
    const other = await testedProxy([failing.port, port], { retries });
    assert.match(await ask(other.port, getClose()), /^HTTP\/1.1 500 /);
    const some = await testedProxy([port, port], {
      retries: { ...retries, on: new Set(["reset"] as const) },
    });
    assert.match(await ask(some.port, getClose()), /^HTTP\/1.1 503 /);
    assert.equal(asked(upstreams)[1], 0);
    for (const each of [plain, failing, other, some]) each.close();
  }));

test("with nobody else to ask, the bad answer is passed on and costs no budget", () =>
  withUpstreams([answering(unavailable)], { retries }, async (tested) => {
    assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 503 .*busy$/s);
    assert.equal(tested.proxy.stats.retries.made, 0);
  }));

test("a replica that is late is given up for another, and the last one is waited for", () =>
  withUpstreams(
    [() => true, (socket) => setTimeout(() => socket.write(ok("late")), 700) && true],
    { retries: { ...retries, attempts: 1, perTryTimeoutMs: 200 } },
    async (tested, upstreams) => {
      assert.match(await ask(tested.port, getClose()), /late$/);
      assert.deepEqual(asked(upstreams), [1, 1]);
      assert.deepEqual(tested.failures, [{ upstream: "S1", failure: "response-timeout", problem: "" }]);
      await eventually(() => tested.upstreams[0]?.connections === 0);
    },
  ));

test("connections that break: one re-dispatch is free, what follows is a retry", () => {
  const breaking = (socket: import("node:net").Socket) => socket.destroy() !== undefined;
  return withUpstreams(
    [breaking, breaking, breaking, breaking],
    { retries: { ...retries, attempts: 1 } },
    async (tested, upstreams) => {
      assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 502 /);
      assert.deepEqual(asked(upstreams), [1, 1, 1, 0]);
      assert.equal(tested.proxy.stats.retries.made, 1);
    },
  );
});

test("whoever sends malformed answers lives: nobody is waited for", async () => {
  const malformed = await scriptedUpstream(answering("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const address = { host: "127.0.0.1", port: malformed.port };
  const replicas = ["S1", "S2", "S3"].map((name) => createUpstream({ name, address }));
  const room = createUpstream({ name: "room", kind: "room", address, limits: { connectionsMax: 0 } });
  const candidates = [...replicas, room];
  const routing = {
    pick: (_: unknown, tried: readonly Upstream[]) =>
      candidates.find((each) => !tried.includes(each)) ?? null,
    unavailable: () => ({ body: "", retryAfterS: 1 }),
  };
  const tested = await testedProxy([], { retries: { attempts: 5 }, routing: () => routing });
  assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 502 .*malformed/s);
  assert.equal(malformed.received.length, 3);
  assert.equal(room.stats.foundFull, 0);
  for (const each of [...replicas, room]) each.destroy();
  for (const each of [tested, malformed]) each.close();
});

test("over the budget, bad answers are passed on; what was retried frees its room when it is over", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await withUpstreams(
    [
      answering(unavailable),
      (socket) => {
        void held.then(() => socket.write(ok("hello")));
        return true;
      },
    ],
    { retries },
    async (tested) => {
      const first = rawClient(tested.port, getClose());
      await eventually(() => tested.proxy.stats.retries.made === 1);
      assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 503 /);
      assert.equal(tested.proxy.stats.retries.overBudget, 1);
      release();
      assert.match(await first.closed(), /hello$/);
      const again = rawClient(tested.port, get());
      await again.until((text) => text.endsWith("hello"));
      again.socket.destroy();
      assert.equal(tested.proxy.stats.retries.made, 2);
    },
  );
});

test("the time lost at one replica is not held against the one that answers", () =>
  withUpstreams(
    [(socket) => setTimeout(() => socket.write(unavailable), 50) && true, answering(ok("hello"))],
    { retries },
    async (tested) => {
      await ask(tested.port, getClose());
      const stats = tested.upstreams[1]?.stats;
      assert.deepEqual(stats?.inheritedCounts, stats?.latencyCounts);
      assert.equal(
        stats?.inheritedCounts.reduce((sum, count) => sum + count),
        1,
      );
    },
  ));

test("the room grows with what is under way", () => {
  const budget = new Retries({ ...defaultRetryPolicy, attempts: 2 });
  for (let request = 0; request < 60; request++) budget.begin();
  const taken = Array.from({ length: 20 }, () => budget.take(false)).filter((given) => given);
  assert.equal(taken.length, 10, "10 of 50 others");
  assert.equal(budget.take(true), true, "another try of one that has its room needs none");
  assert.equal(budget.overBudget, 10);
});

test("retries that fail faster than first tries are no more than their share of all requests", () => {
  const budget = new Retries({ ...defaultRetryPolicy, attempts: 3, minRetries: 0 });
  for (let request = 0; request < 1_000; request++) {
    budget.begin();
    // A hundred first tries are under way; each retry is over before the next request comes.
    if (budget.underWay <= 100) continue;
    if (budget.take(false)) budget.retrying--;
    budget.underWay--;
  }
  assert.equal(budget.made, 200);
  budget.policy = { ...budget.policy, minRetries: 2 };
  assert.deepEqual([budget.take(false), budget.take(false), budget.take(false)], [true, true, false]);
});

test("what a quiet time has saved pays for a hundred retries, no more", () => {
  const budget = new Retries({ ...defaultRetryPolicy, attempts: 1, minRetries: 0 });
  for (let request = 0; request < 10_000; request++) budget.begin();
  const taken = Array.from({ length: 200 }, () => budget.take(false)).filter((given) => given);
  assert.equal(taken.length, 100);
});
