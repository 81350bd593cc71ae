// A reload applies a new configuration whole, on connections that are open too, or refuses it whole.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import type { RoundhouseError } from "../../src/errors.ts";
import { call, serverIn } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

const fixed: FrontDoorOptions = { port: 0, admin: { port: 0 } };

async function withDoor(
  use: (door: TestDoor, write: (next: FrontDoorOptions) => void) => Promise<void>,
  command?: [string, ...string[]],
) {
  let written: FrontDoorOptions = { ...fixed, replicas: 2 };
  const door = await openDoor(written, command, async () => written);
  try {
    await door.settled;
    await use(door, (next) => {
      written = { ...fixed, ...next };
    });
  } finally {
    await door.close(0);
  }
}

test("limits, keys, tokens and the number of replicas change; a connection that is open lives on", async () => {
  await withDoor(async (door, write) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const long = `/home?${"x".repeat(1000)}`;
    assert.equal((await call(door.port, long, { agent })).status, 200);
    assert.deepEqual((await door.reload()).changed, []);

    write({ replicas: 4, key: "path", limits: { headBytesMax: 500 }, token: "open-sesame" });
    const { changed } = await door.reload();
    assert.deepEqual(changed, ["replicas", "key", "limits.headBytesMax", "token"]);
    assert.equal(door.fleet.serving().length, 4);
    const homes = await Promise.all(Array.from({ length: 12 }, () => call(door.port, "/home", { agent })));
    assert.equal(new Set(homes.map(serverIn)).size, 1, "keyed by path now");
    assert.equal(door.status().key, "path");
    assert.equal(
      homes.every(({ headers }) => headers.connection !== "close"),
      true,
    );
    assert.equal((await call(door.port, long, { agent })).status, 414);
    const forwarded = { "x-forwarded-for": "1.2.3.4", authorization: "Bearer open-sesame" };
    assert.equal(
      (await call(door.port, "/add", { method: "POST", headers: forwarded, body: "" })).status,
      400,
    );

    write({ replicas: 1 });
    await door.reload();
    assert.deepEqual(
      door.fleet.serving().map(({ name }) => name),
      ["S1"],
    );
    agent.destroy();
  });
});

test("what is added to requests changes on a connection that has sent the same head again and again", async () => {
  const echo = fileURLToPath(new URL("./slow-replica.mjs", import.meta.url));
  await withDoor(
    async (door, write) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const seen = async () => (await call(door.port, "/", { agent })).body.split(" ")[1];
      for (let count = 0; count < 8; count += 1) assert.equal(await seen(), "127.0.0.1");
      write({ replicas: 2, headers: { xForwarded: false } });
      await door.reload();
      for (let count = 0; count < 8; count += 1) assert.equal(await seen(), "");
      agent.destroy();
    },
    [process.execPath, echo],
  );
});

test("what cannot be applied is refused, and then nothing has changed", async () => {
  await withDoor(async (door, write) => {
    const refused = async (next: FrontDoorOptions, words: RegExp) => {
      write(next);
      await assert.rejects(door.reload(), (error: RoundhouseError) => {
        assert.match(error.message, words);
        return true;
      });
      assert.equal(door.fleet.serving().length, 2);
      assert.equal(door.status().key, "random");
    };
    await refused(
      { replicas: 2, key: "path", slots: 1024 },
      /^Nothing was changed: slots cannot .* key would have been/,
    );
    await refused({ replicas: 2, key: "colour" }, /routing key "colour" is not known/);
    await refused({ replicas: 9, replicasMax: 5, key: "path" }, /^Nothing was changed: .*replicasMax/);
    write({ replicas: 5, replicasMax: 5 });
    await door.reload();
    assert.equal(door.fleet.serving().length, 5);
  });
});

test("POST /api/v1/reload does it, and says why not", async () => {
  await withDoor(async (door, write) => {
    const post = () => call(door.admin?.port ?? 0, "/api/v1/reload", { method: "POST" });
    write({ replicas: 2, lameDuckMs: 5 });
    assert.equal((await post()).body, '{"changed":["lameDuckMs"]}');
    write({ replicas: 2, hash: "jump" });
    const refused = await post();
    assert.equal(refused.status, 400);
    assert.match(refused.body, /hash cannot be changed/);
    const foreign = { origin: "https://evil.example", host: `127.0.0.1:${door.admin?.port}` };
    const port = door.admin?.port ?? 0;
    assert.equal((await call(port, "/api/v1/reload", { method: "POST", headers: foreign })).status, 403);
  });
});
