// A replica that is removed, under every policy: no new request, and what it has under way is finished, tunnels
// included, until the deadline.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { call, until } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";
import { portsOf, released, underWay } from "./held-requests.ts";

const replica = [process.execPath, new URL("./tunnel-replica.mjs", import.meta.url).pathname] as const;

/** A tunnel through the front door, and the name of the replica at its end. */
async function openTunnel(door: TestDoor): Promise<{ socket: Socket; name: string }> {
  const socket = connect(door.port, "127.0.0.1");
  socket.setEncoding("latin1");
  socket.write(
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const [head] = (await once(socket, "data")) as [string];
  const name = /^HTTP\/1\.1 101 [\s\S]*\r\nx-server: (\S+)\r\n/i.exec(head)?.[1];
  assert.ok(name !== undefined, head);
  return { socket, name };
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [back] = (await once(socket, "data")) as [string];
  return back;
}

for (const policy of ["hash", "round-robin", "least-request", "p2c"] as const) {
  test(`${policy}: a removed replica gets no new request and finishes what it has, a tunnel too`, async () => {
    const door = await openDoor({ policy, replicas: 3, drainMs: 20_000 }, [...replica]);
    try {
      await door.settled;
      const { socket, name } = await openTunnel(door);
      assert.equal(await echo(socket, "before"), "before");
      const held = Array.from({ length: 30 }, () => call(door.port, "/held"));
      await until("all are under way", () => underWay(door) === 31);
      await door.fleet.remove(1, [name]);
      for (let request = 0; request < 60; request += 1) {
        const { status, body } = await call(door.port, "/");
        assert.equal(status, 200);
        assert.notEqual(body, name);
      }
      const answers = await released(portsOf(door), held);
      assert.ok(answers.every(({ status }) => status === 200));
      assert.ok(
        answers.some(({ body }) => body === name),
        "it had some of them, and finished them",
      );
      assert.equal(await echo(socket, "still here"), "still here");
      assert.equal(stateOf(door, name), "draining");
      socket.end();
      await until("it is gone once its tunnel has ended", () => stateOf(door, name) === undefined);
    } finally {
      await door.close(0);
    }
  });
}

test("a tunnel that outlasts the deadline ends with its replica", async () => {
  const door = await openDoor({ policy: "p2c", replicas: 2, drainMs: 300 }, [...replica]);
  try {
    await door.settled;
    const { socket, name } = await openTunnel(door);
    const closed = once(
      socket.on("error", () => {}),
      "close",
    );
    await door.fleet.remove(1, [name]);
    await closed;
    await until("it is gone", () => stateOf(door, name) === undefined);
  } finally {
    await door.close(0);
  }
});

function stateOf(door: TestDoor, name: string): string | undefined {
  return door.status().replicas.find((each) => each.name === name)?.state;
}
