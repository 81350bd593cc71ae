// What an upstream sends on an idle connection belongs to nobody, even when the connection is chosen before the bytes
// were looked at.
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import {
  eventually,
  get,
  ok,
  type RawClient,
  rawClient,
  scriptedUpstream,
  testedProxy,
} from "./scripted.test.ts";

test("bytes that came in the turn in which the connection was chosen answer no request", async () => {
  const upstream = await scriptedUpstream((socket) => socket.write(ok("own")));
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  await client.until((text) => text.endsWith("own"));
  const idle = upstream.sockets[0];
  assert.ok(idle !== undefined);
  const seen = client.text().length;
  const post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
  client.socket.write(post);
  idle.write(ok("foreign")); // both are read in one turn, the request first
  const text = await client.until((all) => /\r\n\r\n\w+$/.test(all.slice(seen)));
  assert.match(text.slice(seen), /^HTTP\/1.1 200 [\s\S]*\r\n\r\nown$/);
  await eventually(() => idle.destroyed);
  assert.equal(upstream.sockets.length, 2);
  client.socket.destroy();
  for (const each of [tested, upstream]) each.close();
});

const large = 20_000; // bytes that wait as they are for the end of the turn, corked, and not as text
const largePost = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large}\r\n\r\n${"b".repeat(large)}`;

/** An upstream that answers each request when all of it has come, one connection to it that rests, and its client. */
async function withRestingConnection(use: (idle: Socket, client: RawClient) => void): Promise<string> {
  const upstream = await scriptedUpstream(
    (socket, received) =>
      received.length >= Number(/Content-Length: (\d+)/.exec(received)?.[1] ?? 0) && socket.write(ok("own")),
  );
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  await client.until((text) => text.endsWith("own"));
  const seen = client.text().length;
  const [idle] = upstream.sockets as [Socket];
  use(idle, client);
  const text = await client.until((all) => /\r\n\r\n.+$/s.test(all.slice(seen)));
  client.socket.destroy();
  for (const each of [tested, upstream]) each.close();
  assert.equal(upstream.sockets.length, 2);
  assert.equal(upstream.received.filter((request) => request.includes("POST")).length, 1);
  return text.slice(seen);
}

test("nor do they answer a request whose body is corked until the turn ends", async () => {
  const text = await withRestingConnection((idle, client) => {
    client.socket.write(largePost);
    idle.write(ok("foreign"));
  });
  assert.match(text, /^HTTP\/1.1 200 .*\r\n\r\nown$/s);
});

test("a POST whose connection ends in the turn in which it was chosen has not been sent, and is sent on another", async () => {
  for (const end of [(idle: Socket) => idle.end(), (idle: Socket) => idle.resetAndDestroy()]) {
    const text = await withRestingConnection((idle, client) => {
      client.socket.write(largePost);
      end(idle);
    });
    assert.match(text, /^HTTP\/1.1 200 .*\r\n\r\nown$/s);
  }
});
