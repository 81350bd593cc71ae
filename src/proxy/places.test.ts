// The places at an upstream: who gets one, who waits, who is turned away.
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import {
  eventually,
  get,
  getClose,
  ok,
  type RawClient,
  rawClient,
  scriptedUpstream,
  type TestedProxy,
  testedProxy,
} from "./scripted.test.ts";

/** An upstream that answers when it is told to, and what reached it, in order. */
async function slowUpstream() {
  const asked: { path: string; socket: Socket }[] = [];
  const upstream = await scriptedUpstream((socket, received) => {
    asked.push({ path: received.split(" ")[1] ?? "", socket });
    return true;
  });
  return { ...upstream, asked, answer: (index: number) => asked[index]?.socket.write(ok("done")) };
}

async function fill(tested: TestedProxy, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let index = 0; index < count; index += 1) {
    clients.push(rawClient(tested.port, getClose(`/${index}`)));
    await eventually(() => tested.upstreams[0]?.inFlight === index + 1);
  }
  return clients;
}

const limited = { connectionsMax: 2, waitingMax: 2, waitMs: 60_000 };

test("what exceeds the places waits for one, first come, first served", async () => {
  const upstream = await slowUpstream();
  const tested = await testedProxy([upstream.port], { upstream: { limits: limited } });
  const clients = await fill(tested, 4);
  await eventually(() => upstream.asked.length === 2);
  assert.equal(tested.upstreams[0]?.waiting, 2);
  assert.equal(tested.upstreams[0]?.isFull, true);
  for (const index of [0, 1, 2, 3]) {
    await eventually(() => upstream.asked.length > index);
    upstream.answer(index);
    assert.match(await (clients[index] as RawClient).closed(), /done$/);
  }
  assert.deepEqual(
    upstream.asked.map(({ path }) => path),
    ["/0", "/1", "/2", "/3"],
  );
  assert.equal(upstream.sockets.length, 2);
  assert.equal(tested.upstreams[0]?.isFull, false);
  for (const each of [tested, upstream]) each.close();
});

test("when enough wait, the next is turned away at once, and told to come again", async () => {
  const upstream = await slowUpstream();
  const tested = await testedProxy([upstream.port], { upstream: { limits: limited } });
  const clients = await fill(tested, 4);
  const turnedAway = rawClient(tested.port, get("/one-too-many"));
  const answer = await turnedAway.until((text) => text.includes("failure"));
  assert.match(answer, /^HTTP\/1.1 503 .*\r\nRetry-After: 1\r\n.*S1 has as many requests as it may/s);
  assert.equal(tested.upstreams[0]?.stats.turnedAway, 1);
  assert.deepEqual(tested.failures, [], "nobody has failed");
  assert.equal(tested.upstreams[0]?.inFlight, 4);
  turnedAway.socket.write(getClose("/again")); // its connection serves on
  assert.match(await turnedAway.closed(), /HTTP\/1.1 503 .*HTTP\/1.1 503 /s);
  // A reset, since who only ends his side may still want an answer.
  for (const client of clients) client.socket.resetAndDestroy();
  await eventually(() => tested.upstreams[0]?.inFlight === 0);
  assert.equal(tested.upstreams[0]?.waiting, 0, "who leaves waits no longer");
  for (const each of [tested, upstream]) each.close();
});

test("nobody waits longer than the deadline says", async () => {
  const upstream = await slowUpstream();
  const limits = { connectionsMax: 1, waitingMax: 5, waitMs: 200 };
  const tested = await testedProxy([upstream.port], { upstream: { limits } });
  const clients = await fill(tested, 2);
  assert.match(await (clients[1] as RawClient).closed(), /^HTTP\/1.1 503 .*\r\nRetry-After: 1\r\n/s);
  assert.equal(tested.upstreams[0]?.stats.turnedAway, 1);
  upstream.answer(0);
  assert.match(await (clients[0] as RawClient).closed(), /done$/);
  for (const each of [tested, upstream]) each.close();
});

test("a body that comes while its request waits is sent whole", async () => {
  const upstream = await slowUpstream();
  const tested = await testedProxy([upstream.port], {
    upstream: { limits: { ...limited, connectionsMax: 1 } },
  });
  await fill(tested, 1);
  const post = rawClient(tested.port, "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
  await eventually(() => tested.upstreams[0]?.waiting === 1);
  post.socket.write("dy");
  upstream.answer(0);
  await eventually(() => upstream.received[1]?.endsWith("\r\n\r\nbody") === true);
  upstream.answer(1);
  await post.until((text) => text.endsWith("done"));
  post.socket.destroy();
  for (const each of [tested, upstream]) each.close();
});

test("an upstream that spills accepts nothing while it is full", async () => {
  const upstream = await slowUpstream();
  const limits = { ...limited, connectionsMax: 1, spills: true };
  const tested = await testedProxy([upstream.port], { upstream: { limits } });
  const [first] = tested.upstreams;
  assert.equal(first?.accepting, true);
  const [client] = await fill(tested, 1);
  assert.equal(first?.accepting, false);
  upstream.answer(0);
  await client?.closed();
  assert.equal(first?.accepting, true, "its connection rests");
  const [second] = await fill(tested, 1);
  assert.equal(first?.accepting, false, "the resting connection is in use");
  first?.setAside(true);
  await eventually(() => upstream.asked.length === 2);
  upstream.answer(1);
  await second?.closed();
  assert.equal(first?.accepting, false, "set aside, whatever is free");
  first?.setAside(false);
  assert.equal(first?.accepting, true);
  for (const each of [tested, upstream]) each.close();
});
