// How a client's connection ends: nothing that was promised is lost, and nothing lives on behind it.
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { answering, eventually, ok, rawClient, scriptedUpstream, testedProxy } from "./scripted.test.ts";

test("a slow reader gets the whole of its last answer, though it had sent more than its last request", async () => {
  let accepted: Socket | undefined;
  let sentBytes = 0;
  const piece = "a".repeat(16 * 1024);
  const upstream = await scriptedUpstream((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const more = () => {
      const stalled = (accepted?.writableLength ?? 0) > 0; // the kernel takes no more for this client
      socket.write(stalled ? "0\r\n\r\n" : `4000\r\n${piece}\r\n`);
      if (stalled) return;
      sentBytes += piece.length;
      setTimeout(more, 1);
    };
    more();
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted = socket;
    tested.proxy.accept(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n\r\n"); // an empty line too many, as old clients send
  await eventually(() => tested.upstreams[0]?.stats.answersByCode[100] === 1);
  const restUntilMs = performance.now() + 2_500; // longer than a connection lingers
  await eventually(() => performance.now() > restUntilMs || accepted?.destroyed === true);
  let text = "";
  client.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  await new Promise((resolve) => client.once("close", resolve));
  assert.equal(text.length - text.indexOf("\r\n\r\n") - 4, sentBytes);
  server.close();
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
    await new Promise((resolve) => setTimeout(resolve, 50)); // its FIN is on the way
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
