// An upstream fails: what is asked for again, what is not, and what the client learns.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answering,
  ask,
  eventually,
  get,
  getClose,
  ok,
  rawClient,
  scriptedUpstream,
  testedProxy,
} from "./scripted.test.ts";

test("an idempotent request whose upstream dies goes to the next; a POST gets 502", async () => {
  const dying = await scriptedUpstream((socket) => {
    socket.destroy();
    return true;
  });
  const healthy = await scriptedUpstream(answering(ok("second")));
  const tested = await testedProxy([dying.port, healthy.port]);
  assert.match(await ask(tested.port, getClose()), /second$/);
  assert.equal(tested.upstreams[0]?.stats.redispatched, 1);
  assert.match(
    await ask(tested.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"),
    /^HTTP\/1.1 502 /,
  );
  assert.equal(healthy.received.length, 1);
  assert.deepEqual(
    tested.failures.map((each) => each.failure),
    ["reset", "reset"],
  );
  assert.equal(
    tested.upstreams.reduce((sum, each) => sum + each.inFlight, 0),
    0,
  );
  for (const each of [dying, healthy, tested]) each.close();
});

test("an answer cut short is asked for again when it is small, and cut for the client when it is large", async () => {
  const cutting = (bytes: number) => (socket: import("node:net").Socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${"x".repeat(bytes - 1)}`, () =>
      socket.destroy(),
    );
    return true;
  };
  const small = await scriptedUpstream(cutting(1000));
  const large = await scriptedUpstream(cutting(100_000));
  const healthy = await scriptedUpstream(answering(ok("second")));
  const first = await testedProxy([small.port, healthy.port]);
  assert.match(await ask(first.port, getClose()), /second$/);
  const second = await testedProxy([large.port, healthy.port]);
  const client = rawClient(second.port, get());
  assert.match(await client.closed(), /Content-Length: 100000/);
  assert.equal(second.upstreams[0]?.stats.truncated, 1);
  for (const each of [small, large, healthy, first, second]) each.close();
});

test("a POST to an upstream that refuses the connection goes to the next with its body", async () => {
  const refusing = await scriptedUpstream(() => true);
  refusing.close();
  const healthy = await scriptedUpstream(
    (socket, received) => received.endsWith("body") && socket.write(ok("second")),
  );
  const tested = await testedProxy([refusing.port, healthy.port]);
  const answer = await ask(
    tested.port,
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
  );
  assert.match(answer, /second$/);
  assert.deepEqual(tested.failures, [{ upstream: "S1", failure: "refused", problem: "" }]);
  for (const each of [healthy, tested]) each.close();
});

test("nobody to ask: 503 with Retry-After, and the connection serves on", async () => {
  const tested = await testedProxy([]);
  const answer = await ask(tested.port, get() + getClose());
  assert.equal(
    [...answer.matchAll(/HTTP\/1.1 503 Service Unavailable\r\n[^{]*Retry-After: 7\r\n/g)].length,
    2,
  );
  assert.equal(tested.proxy.stats.ownAnswers.get(503), 2);
  tested.close();
});

test("destroying an upstream fails its exchanges over at once", async () => {
  const hanging = await scriptedUpstream(() => true);
  const healthy = await scriptedUpstream(answering(ok("second")));
  const tested = await testedProxy([hanging.port, healthy.port]);
  const answer = ask(tested.port, getClose());
  await eventually(() => hanging.received.length === 1);
  tested.upstreams[0]?.destroy();
  assert.match(await answer, /second$/);
  for (const each of [hanging, healthy, tested]) each.close();
});
