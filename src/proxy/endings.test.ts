// How a client's connection ends: nothing that was promised is lost, and nothing lives on behind it.
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { drainIdleMs } from "./client-connection.ts";
import { answering, eventually, get, ok, rawClient, scriptedUpstream, testedProxy } from "./scripted.test.ts";

test("a slow reader gets the whole of its last answer, though it had sent more than its last request", async () => {
  let sentBytes = 0;
  let laterMs = 0;
  let looks = 0;
  const nowMs = () => {
    looks++;
    return performance.now() + laterMs;
  };
  const piece = "a".repeat(16 * 1024);
  const upstream = await scriptedUpstream((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const more = () => {
      const stalled = (tested.accepted[0]?.writableLength ?? 0) > 0; // the kernel takes no more for this client
      socket.write(stalled ? "0\r\n\r\n" : `4000\r\n${piece}\r\n`);
      if (stalled) return;
      sentBytes += piece.length;
      setTimeout(more, 1);
    };
    more();
    return true;
  });
  const tested = await testedProxy([upstream.port], { nowMs });
  const client = connect(tested.port, "127.0.0.1");
  client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n\r\n"); // an empty line too many, as old clients send
  await eventually(() => tested.upstreams[0]?.stats.answersByCode[100] === 1);
  laterMs = 2_500; // longer than a connection lingers
  looks = 0;
  await eventually(() => looks > 2 || tested.accepted[0]?.destroyed === true);
  let text = "";
  client.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  await new Promise((resolve) => client.once("close", resolve));
  assert.equal(text.length - text.indexOf("\r\n\r\n") - 4, sentBytes);
  tested.close();
  upstream.close();
});

test("what a client has left before it began ends upstream too: a tunnel, an event stream", async () => {
  const heads = [
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
  ];
  for (const head of heads) {
    const upstream = await scriptedUpstream(() => true);
    const tested = await testedProxy([upstream.port]);
    const client = connect(tested.port, "127.0.0.1");
    client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    await eventually(() => upstream.received.length === 1);
    client.destroy();
    await eventually(
      () => tested.accepted[0]?.readableEnded === true || tested.accepted[0]?.destroyed === true,
    );
    const [socket] = upstream.sockets as [Socket];
    socket.write(head);
    await new Promise((resolve) => socket.once("close", resolve));
    await eventually(() => tested.upstreams[0]?.inFlight === 0 && tested.proxy.stats.connections === 0);
    tested.close();
    upstream.close();
  }
});

test("an empty line after a body is no head that has begun", async () => {
  const upstream = await scriptedUpstream(answering(ok("hi")));
  const tested = await testedProxy([upstream.port], {
    limits: { headDeadlineMs: 100, keepAliveIdleMs: 600 },
  });
  const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab\r\n";
  const resting = rawClient(tested.port, post);
  const leaving = rawClient(tested.port, post);
  await leaving.until((text) => text.endsWith("hi"));
  leaving.socket.end();
  for (const client of [resting, leaving]) assert.match(await client.closed(), /\r\n\r\nhi$/);
  assert.equal(tested.proxy.stats.ownAnswers.size, 0);
  tested.close();
  upstream.close();
});

test("half-closed clients get their answer; a cut body is refused", async () => {
  const upstream = await scriptedUpstream(() => true);
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  client.socket.end();
  await eventually(() => upstream.received.length === 1 && tested.accepted[0]?.readableEnded === true);
  upstream.sockets[0]?.write(ok("late"));
  assert.match(await client.closed(), /late$/);
  const cut = rawClient(tested.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  cut.socket.end();
  assert.match(await cut.closed(), /^HTTP\/1.1 400 /);
  for (const each of [tested, upstream]) each.close();
});

test("a client that resets its connection ends the exchange upstream at once", async () => {
  const upstream = await scriptedUpstream(() => true);
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  await eventually(() => upstream.received.length === 1);
  client.socket.resetAndDestroy();
  await eventually(() => tested.upstreams[0]?.connections === 0 && tested.upstreams[0]?.inFlight === 0);
  for (const each of [tested, upstream]) each.close();
});

test("a client that has closed, which only a write can tell, ends the exchange upstream too", async () => {
  const upstream = await scriptedUpstream((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const timer = setInterval(() => socket.write("1\r\nx\r\n"), 2);
    socket.on("close", () => clearInterval(timer));
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  await client.until((text) => text.includes("x"));
  client.socket.destroy(); // a FIN to us, as if it were half-closed
  await eventually(() => tested.upstreams[0]?.connections === 0 && tested.upstreams[0]?.inFlight === 0);
  for (const each of [tested, upstream]) each.close();
});

test("an answer that is cut off does not take along the one before it, which the client has not read yet", async () => {
  const whole = "a".repeat(6_000_000); // more than the kernel's buffers hold
  const upstream = await scriptedUpstream((socket, received) => {
    if (received.startsWith("GET /whole")) return socket.write(ok(whole)) || true;
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun");
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port);
  client.socket.pause();
  client.socket.write(get("/whole") + get("/cut"));
  await eventually(() => (tested.accepted[0]?.writableLength ?? 0) > 0);
  client.socket.resume();
  const text = await client.closed();
  assert.ok(text.includes(`\r\n\r\n${whole}HTTP/1.1 200 OK\r\n`), "the first answer came whole");
  assert.match(text.slice(-30), /\r\n\r\nbegun$/);
  assert.equal(client.error(), undefined);
  assert.equal(tested.upstreams[0]?.stats.truncated, 1);
  for (const each of [tested, upstream]) each.close();
});

test("an answer that ends with its connection is cut off by a reset, since a FIN would pass for its end", async () => {
  const upstream = await scriptedUpstream((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n");
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, "GET / HTTP/1.0\r\n\r\n");
  await client.until((text) => text.endsWith("begun"));
  upstream.sockets[0]?.destroy();
  await client.closed();
  assert.equal(client.error(), "ECONNRESET");
  for (const each of [tested, upstream]) each.close();
});

test("when we close behind an answer, what the client sends meanwhile does not destroy that answer", async () => {
  const upstream = await scriptedUpstream(answering(ok("last")));
  const tested = await testedProxy([upstream.port], { limits: { requestsPerConnectionMax: 1 } });
  const client = rawClient(tested.port, get());
  client.socket.pause();
  await eventually(() => tested.accepted[0]?.writableFinished === true);
  client.socket.write(get("/next")); // sent before it has read that this connection takes no further request
  client.socket.resume();
  assert.match(await client.closed(), /Connection: close\r\n\r\nlast$/);
  assert.equal(client.error(), undefined);
  for (const each of [tested, upstream]) each.close();
});

test("drain answers what is under way, closes what is idle, and ends", async () => {
  const upstream = await scriptedUpstream(() => true);
  const tested = await testedProxy([upstream.port]);
  const idle = rawClient(tested.port);
  const busy = rawClient(tested.port, get());
  await eventually(() => upstream.received.length === 1);
  const drained = tested.proxy.drain(5_000);
  assert.equal(await idle.closed(), "");
  upstream.sockets[0]?.write(ok("last"));
  await drained;
  assert.match(await busy.closed(), /Connection: close\r\n\r\nlast$/);
  for (const each of [tested, upstream]) each.close();
});

test("drain answers what had been sent before, also when this process was held up for long", async () => {
  const upstream = await scriptedUpstream(answering(ok("last")));
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  await client.until((text) => text.endsWith("last"));
  client.socket.write(get("/next"));
  const untilMs = performance.now() + 2 * drainIdleMs;
  while (performance.now() < untilMs);
  const drained = tested.proxy.drain(60_000);
  assert.match(await client.closed(), /last.*Connection: close\r\n\r\nlast$/s);
  await drained;
  for (const each of [tested, upstream]) each.close();
});

test("drain lets a head that has begun come to its end, and answers it with Connection: close", async () => {
  const upstream = await scriptedUpstream(answering(ok("last")));
  const tested = await testedProxy([upstream.port]);
  const first = rawClient(tested.port, "GET / HTTP/1.1\r\nHost: a\r\n");
  const later = rawClient(tested.port, `${get()}GET / HT`);
  await later.until((text) => text.endsWith("last"));
  await eventually(() => tested.accepted[0]?.bytesRead === 25);
  const drained = tested.proxy.drain(5_000);
  first.socket.write("\r\n");
  later.socket.write("TP/1.1\r\nHost: a\r\n\r\n");
  for (const client of [first, later]) assert.match(await client.closed(), /Connection: close\r\n\r\nlast$/);
  await drained;
  for (const each of [tested, upstream]) each.close();
});

test("drain closes behind an answer whose head had left before", async () => {
  const upstream = await scriptedUpstream((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  await client.until((text) => text.includes("x"));
  const drained = tested.proxy.drain(60_000);
  upstream.sockets[0]?.write("0\r\n\r\n");
  assert.match(await client.closed(), /0\r\n\r\n$/);
  await drained;
  for (const each of [tested, upstream]) each.close();
});

test("a client that leaves an event stream is believed at once", async () => {
  const upstream = await scriptedUpstream(
    answering(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n",
    ),
  );
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  await client.until((text) => text.includes("data: "));
  client.socket.destroy();
  await eventually(() => tested.upstreams[0]?.connections === 0);
  for (const each of [tested, upstream]) each.close();
});
