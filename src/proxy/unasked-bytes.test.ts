// What an upstream sends on an idle connection belongs to nobody, even when the connection is chosen before the bytes
// were looked at.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, get, ok, rawClient, scriptedUpstream, testedProxy } from "./scripted.test.ts";

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
