// Clients that send requests faster than they read answers, or faster than they are answered: what they can make us
// hold is bounded.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { answering, ask, eventually, getClose, ok, scriptedUpstream, testedProxy } from "./scripted.test.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

test("a client that takes no answers is asked for no further request", async () => {
  const answer = ok("a".repeat(60_000));
  const upstream = await scriptedUpstream(answering(answer));
  const tested = await testedProxy([upstream.port]);
  const client = connect(tested.port, "127.0.0.1");
  const requests = 1_000; // 60 MB of answers, more than the kernel's buffers hold
  client.write(get.repeat(requests));
  await eventually(() => upstream.received.length > 2);
  // It stands still when others are served and nothing of it is.
  let others = 0;
  for (let served = -1; served !== upstream.received.length - others; ) {
    served = upstream.received.length - others;
    assert.ok(served < requests / 2, `${served} requests were served for a client that reads nothing`);
    for (let other = 0; other < 20; other++, others++) await ask(tested.port, getClose());
  }
  let taken = 0;
  client.on("data", (chunk) => {
    taken += chunk.length;
  });
  await eventually(() => taken > requests * answer.length);
  assert.equal(upstream.received.length, requests + others);
  client.destroy();
  tested.close();
  upstream.close();
});

test("requests are read ahead only so far, however many are answered", async () => {
  const upstream = await scriptedUpstream(answering(ok("a")));
  const tested = await testedProxy([upstream.port]);
  const client = connect(tested.port, "127.0.0.1");
  client.resume();
  const piece = get.repeat(2_400); // 64 KB
  const pieces = 400;
  let sent = 0;
  for (let i = 0; i < pieces; i++) client.write(piece, () => sent++);
  await eventually(() => upstream.received.length > 400);
  assert.ok(sent < pieces / 2, `${sent} of ${pieces} pieces were read while 400 requests were answered`);
  client.destroy();
  tested.close();
  upstream.close();
});
