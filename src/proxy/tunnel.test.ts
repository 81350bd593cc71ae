// A tunnel after a real 101.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, get, rawClient, scriptedUpstream, testedProxy } from "./scripted.test.ts";

test("a WebSocket's bytes pass both ways after a real 101, and not before", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    if (received.startsWith("GET")) {
      assert.match(received, /Connection: Upgrade\r\nUpgrade: websocket\r\n/);
      assert.ok(!received.includes("early"));
      return socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\nwelcome",
      );
    }
    return false;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, `${get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n")}early`);
  await client.until((text) => text.endsWith("welcome"));
  let echoed = "";
  upstream.sockets[0]?.on("data", (chunk) => {
    echoed += chunk;
  });
  client.socket.write(" bytes");
  await eventually(() => echoed.endsWith(" bytes"));
  assert.equal(tested.upstreams[0]?.inFlight, 1);
  client.socket.destroy();
  await eventually(() => tested.upstreams[0]?.inFlight === 0);
  for (const each of [tested, upstream]) each.close();
});
