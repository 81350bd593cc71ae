// How the front door starts, what it refuses, and how it stops.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { Agent } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { openListener } from "../../src/balancer/listener.ts";
import type { RoundhouseError } from "../../src/errors.ts";
import { type Answer, call, serverIn, until } from "./client.ts";
import { openDoor } from "./door.ts";
import { portsOf, released, underWay } from "./held-requests.ts";

const slow = fileURLToPath(new URL("./slow-replica.mjs", import.meta.url));

const controlDirectories = () =>
  readdirSync(tmpdir()).filter((name) => name.startsWith("roundhouse-control-"));

test("requests sent before the first replicas are healthy wait for the full fleet", async () => {
  const door = await openDoor({ key: "path" });
  try {
    assert.equal(door.fleet.serving().length, 0);
    const early = Array.from({ length: 30 }, (_, index) => call(door.port, `/early-${index}`));
    const home = call(door.port, "/home");
    const rep = call(door.port, "/rep");
    for (const answer of await Promise.all(early)) assert.equal(answer.status, 400);
    assert.equal((await home).status, 200);
    assert.equal((await rep).body, '{"message":{"N":3,"replicas":["S1","S2","S3"]},"status":"successful"}');
  } finally {
    await door.close(0);
  }
});

test("a client that waits and goes away, or resets, does no harm", async () => {
  const door = await openDoor();
  try {
    const gone = connect(door.port, "127.0.0.1");
    await once(gone, "connect");
    gone.resetAndDestroy();
    const silent = connect(door.port, "127.0.0.1");
    await once(silent, "connect");
    silent.end();
    await door.settled;
    assert.equal((await call(door.port, "/home")).status, 200);
  } finally {
    await door.close(0);
  }
});

test("with replicas that cannot start, requests get 503 within the 5 seconds they may wait", async () => {
  const door = await openDoor({}, ["/nonexistent/program"]);
  try {
    const started = performance.now();
    const answer = await call(door.port, "/home");
    assert.ok(performance.now() - started < 8_000);
    assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "1"]);
    assert.match(answer.body, /^\{"message":"<Error> None of the 3 replicas is healthy/);
    assert.equal((await call(door.admin?.port ?? 0, "/readyz")).status, 503);
    assert.equal((await call(door.admin?.port ?? 0, "/healthz")).status, 200);
    const words = door.logged.filter(({ msg }) => String(msg).includes("/nonexistent/program"));
    assert.ok(words.length >= 1);
  } finally {
    await door.close(0);
  }
});

test("a port in use is told in words, and nothing is left behind", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const before = controlDirectories();
  const cases: [FrontDoorOptions, RegExp][] = [
    [{ port }, new RegExp(`front door on 127\\.0\\.0\\.1:${port}: the port is in use.*--port`)],
    [
      { admin: { port } },
      new RegExp(`admin listener on 127\\.0\\.0\\.1:${port}: the port is in use.*--admin-port`),
    ],
  ];
  for (const [options, words] of cases) {
    await assert.rejects(openDoor(options), (error: RoundhouseError) => {
      assert.equal(error.code, "PORT_IN_USE");
      assert.match(error.message, words);
      return true;
    });
  }
  assert.deepEqual(controlDirectories(), before);
  other.close();
});

test("when the start fails, a client that got in already is not left waiting", async () => {
  const listener = await openListener("127.0.0.1", 0, () => assert.fail("nobody serves"), {
    error: () => {},
  });
  const client = connect(listener.port, "127.0.0.1");
  await once(client, "connect");
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  // A second connection that gets through shows that the first one has been taken.
  await once(connect(listener.port, "127.0.0.1").unref(), "connect");
  client.on("error", () => {});
  setImmediate(() => listener.close());
  await once(client, "close");
});

test("what cannot be configured is told in words before anything is opened", async () => {
  const cases: [FrontDoorOptions, RegExp][] = [
    [{ host: "192.0.2.77" }, /192\.0\.2\.77/],
    [{ key: "nonsense" }, /routing key "nonsense" is not known; accepted: random/],
    [{ allow: ["10.0.0.0/40"] }, /allow has "10\.0\.0\.0\/40"/],
    [{ trustedProxies: ["x"] }, /trustedProxies has "x"/],
    [{ hash: "maglev", slots: 100 }, /100/],
    [{ requestHash: () => Number.NaN }, /requestHash.*NaN/],
    [
      {
        virtualNodeHash: () => {
          throw new Error("cannot hash");
        },
      },
      /cannot hash/,
    ],
    [{ key: "path", stickyCookie: {} }, /sticky cookie would never be issued/],
  ];
  for (const [options, words] of cases) {
    await assert.rejects(openDoor(options), (error: RoundhouseError) => {
      assert.equal(error.code, "BAD_CONFIG");
      assert.match(error.message, words);
      return true;
    });
  }
});

test("closing lets requests under way finish, takes no new ones, and stops the replicas", async () => {
  const door = await openDoor({ replicas: 2, drainMs: 20_000 }, [process.execPath, slow]);
  await door.settled;
  const pids = door.status().replicas.map(({ pid }) => pid as number);
  const agent = new Agent({ keepAlive: true });
  const ports = portsOf(door);
  const held = Array.from({ length: 8 }, () => call(door.port, "/held", { agent }));
  await until("all requests are under way", () => underWay(door) === 8);
  const closed = door.close();
  assert.equal((await call(door.admin?.port ?? 0, "/readyz")).status, 503);
  await assert.rejects(call(door.port, "/home"), /ECONNREFUSED/);
  for (const answer of await released(ports, held)) {
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.connection, "close");
  }
  await closed;
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  await assert.rejects(call(door.admin?.port ?? 0, "/healthz"), /ECONNREFUSED/);
});

test("a second close without patience ends a drain at once", async () => {
  const door = await openDoor({ replicas: 1, drainMs: 8_000 }, [process.execPath, slow]);
  await door.settled;
  const [pid] = door.status().replicas.map((replica) => replica.pid as number);
  const cut = call(door.port, "/slow?ms=50000").then(
    (answer: Answer) => answer.status,
    () => "cut off",
  );
  await until("the request is under way", () => door.status().replicas[0]?.inFlight === 1);
  const started = performance.now();
  const first = door.close();
  const second = door.close(0);
  await Promise.all([first, second]);
  assert.ok(performance.now() - started < 6_000);
  assert.notEqual(await cut, 200);
  assert.throws(() => process.kill(pid as number, 0), { code: "ESRCH" });
});

test("the control socket's directory is gone after close", async () => {
  const before = controlDirectories();
  const door = await openDoor({ replicas: 0 });
  const own = controlDirectories().filter((name) => !before.includes(name));
  assert.ok(own.length >= 1);
  await door.close(0);
  assert.ok(own.some((name) => !existsSync(`${tmpdir()}/${name}`)));
});

test("with control off the reserved paths are paths like any other; with the admin listener off there is none", async () => {
  const door = await openDoor({ control: "off", admin: { port: "off" }, replicas: 1 });
  try {
    assert.equal(door.admin, null);
    for (const path of ["/rep", "/add", "/rm"]) {
      const { status, body } = await call(door.port, path);
      assert.equal(status, 400);
      assert.match(body, new RegExp(`'${path}' endpoint does not exist in server replicas`));
    }
    assert.equal(serverIn(await call(door.port, "/home")), "S1");
  } finally {
    await door.close(0);
  }
});
