// The queue behind a front door: real brokers, added, removed and killed while messages come in through the front port.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent } from "node:http";
import { connect } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { call, serverIn, until } from "../balancer/client.ts";
import { openDoor, type TestDoor } from "../balancer/door.ts";

const folder = mkdtempSync(join(tmpdir(), "queue-door-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let directories = 0;

async function withDoor(
  queue: FrontDoorOptions["queue"],
  run: (door: TestDoor, dataDir: string) => Promise<void>,
  options: FrontDoorOptions = {},
): Promise<void> {
  const dataDir = join(folder, String(++directories));
  const door = await openDoor({
    replicas: 1,
    queue: { enabled: true, port: 0, readPort: 0, dataDir, ...queue },
    ...options,
  });
  try {
    await door.settled;
    await run(door, dataDir);
  } finally {
    await door.close(2000);
  }
}

interface Reply {
  readonly status: number;
  readonly message: unknown;
  readonly succeeded: boolean;
}

async function ask(port: number, path: string, body?: object, agent?: Agent): Promise<Reply> {
  const { status, body: text } = await call(port, path, {
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    ...(agent === undefined ? {} : { agent }),
  });
  const reply = JSON.parse(text) as { message: unknown; status: string };
  return { status, message: reply.message, succeeded: status === 200 && reply.status === "success" };
}

/** Asserts that it was a success, and gives the message. */
async function succeed(port: number, path: string, body?: object): Promise<unknown> {
  const { status, message, succeeded } = await ask(port, path, body);
  assert.ok(succeeded, `${path}: ${status} ${JSON.stringify(message)}`);
  return message;
}

/** All that comes in answer to these bytes, until the other end closes. */
async function said(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(bytes);
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
}

const brokersOf = async (port: number): Promise<string[]> =>
  Object.keys((await succeed(port, "/brokers")) as object).sort();

function pidsIn(dataDir: string): number[] {
  const recorded = JSON.parse(readFileSync(join(dataDir, "brokers.json"), "utf8")) as { pid: number }[];
  return recorded.map(({ pid }) => pid);
}

interface Load {
  /** What was acknowledged, by producer; each producer's messages are numbered from 0. */
  readonly acknowledged: number[];
  readonly failures: string[];
  stop(): Promise<void>;
}

/** Producers that send one message after the other, each on a kept connection. `again`: with sequences, until it works. */
async function startLoad(port: number, topic: string, producers: number, again: boolean): Promise<Load> {
  const agent = new Agent({ keepAlive: true });
  const load = { acknowledged: new Array<number>(producers).fill(0), failures: [] as string[] };
  let running = true;
  const ids: unknown[] = [];
  for (let producer = 0; producer < producers; producer++) {
    ids.push(await succeed(port, "/producer/register", { topic }));
  }
  async function produce(producer: number): Promise<void> {
    const id = ids[producer];
    for (let n = 0; running; n++) {
      const body = { producer_id: id, message: `${producer}/${n}`, ...(again ? { sequence: n } : {}) };
      let reply = await sent(body);
      while (again && !reply.succeeded) reply = await sent(body);
      if (reply.succeeded) load.acknowledged[producer] = n + 1;
      else load.failures.push(`${reply.status} ${JSON.stringify(reply.message)}`);
    }
  }
  const sent = (body: object): Promise<Reply> =>
    ask(port, "/producer/produce", body, agent).catch((error: Error) => {
      if (!again) load.failures.push(error.message);
      return { status: 0, message: error.message, succeeded: false };
    });
  const done = Promise.all(load.acknowledged.map((_, producer) => produce(producer)));
  return {
    ...load,
    async stop() {
      running = false;
      await done;
      agent.destroy();
    },
  };
}

/** Everything that a consumer registered before finds, through the read port. */
async function readAll(port: number, consumer: unknown): Promise<string[]> {
  const agent = new Agent({ keepAlive: true });
  const messages: string[] = [];
  for (;;) {
    const { message, succeeded } = await ask(
      port,
      `/consumer/consume?consumer_id=${consumer}&after=${messages.length}`,
      undefined,
      agent,
    );
    if (!succeeded) {
      assert.match(String(message), /^Empty logs/);
      agent.destroy();
      return messages;
    }
    messages.push(String(message));
  }
}

function expectAll({ acknowledged }: Load, messages: readonly string[]): void {
  assert.equal(new Set(messages).size, messages.length, "nothing twice");
  const there = new Set(messages);
  for (const [producer, count] of acknowledged.entries()) {
    for (let n = 0; n < count; n++) assert.ok(there.has(`${producer}/${n}`), `${producer}/${n} is there`);
  }
}

describe("a front door with a queue", () => {
  it("serves the course's paths on the front and read ports, the native ones on the queue's, and replicas as before", () =>
    withDoor({}, async (door) => {
      const { queue, read } = door.queue ?? {};
      assert.ok(queue != null && read != null);
      assert.match(serverIn(await call(door.port, "/home")), /^S1$/);
      await succeed(door.port, "/topics/add", { topic: "T1", part: "P1" });
      const producer = await succeed(door.port, "/producer/register", { topic: "T1" });
      const consumer = await succeed(read, "/consumer/register", { topic: "T1" });
      await succeed(door.port, "/producer/produce", { producer_id: producer, message: "hello" });
      assert.equal(await succeed(read, `/consumer/consume?consumer_id=${consumer}`), "hello");
      assert.deepEqual(await succeed(read, "/topics"), { T1: { P1: "broker0" } });
      const listed = await call(queue, "/v1/topics");
      assert.equal(listed.status, 200);
      assert.match(listed.body, /"T1"/);
      assert.equal((await call(queue, "/internal/call", { method: "POST", body: "{}" })).status, 404);
      assert.match((await call(door.port, "/v1/topics")).body, /does not exist/);
    }));

  it("refuses with 400 what it cannot read on the course's paths, and by what is wrong on others", () =>
    withDoor({}, async (door) => {
      const cases: readonly (readonly [target: (path: string) => string, status: number])[] = [
        [(path) => `GET ${path}?consumer_id=${"1".repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 414],
        [(path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431],
        [(path) => `GET ${path} HTTP/3.0\r\nHost: localhost\r\n\r\n`, 505],
        [(path) => `TRACE ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 405],
        [(path) => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n`, 400],
        [(path) => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nExpect: more\r\n\r\n`, 417],
      ];
      const read = door.queue?.read;
      assert.ok(read != null);
      for (const [text, status] of cases) {
        for (const port of [door.port, read]) {
          const answer = await said(port, text("/size"));
          assert.match(answer, /^HTTP\/1\.1 400 /);
          assert.match(answer, /"status":"failure"\}$/);
        }
        assert.match(await said(door.port, text("/home")), new RegExp(`^HTTP/1\\.1 ${status} `));
      }
    }));

  it("serves them through workers too, and follows the brokers there", () =>
    withDoor(
      {},
      async ({ port }) => {
        await succeed(port, "/topics/add", { topic: "T1", part: "P1" });
        await succeed(port, "/brokers/add?broker_name=broker1");
        await succeed(port, "/brokers/rm?broker_name=broker0");
        for (let n = 0; n < 4; n++) assert.deepEqual(await brokersOf(port), ["broker1"]);
        assert.deepEqual(await succeed(port, "/topics"), { T1: { P1: "broker1" } });
      },
      { workers: 2 },
    ));

  it("fails with 400 on the course's paths, whatever fails", () =>
    withDoor(
      {},
      async (door) => {
        const refused = async (path: string, options: Parameters<typeof call>[2]) => {
          const { status, body } = await call(door.port, path, options);
          assert.equal(status, 400, body);
          assert.equal((JSON.parse(body) as { status: string }).status, "failure");
          return body;
        };
        const post = { method: "POST" };
        assert.match(await refused("/producer/produce", { ...post, body: "{" }), /byte 1/);
        assert.match(await refused("/topics/elsewhere", {}), /no such path/);
        assert.match(await refused("/producer/produce", { ...post, body: "x".repeat(5000) }), /5000 bytes/);
        const foreign = { headers: { origin: "http://evil.example" } };
        assert.match(await refused("/brokers/rm?broker_name=all", foreign), /another site/);
        const forwarded = { headers: { "x-forwarded-for": "192.0.2.1" } };
        assert.match(await refused("/topics", forwarded), /forwarded for somebody else/);
        assert.match(
          await refused("/topics", { headers: { host: "rebound.example" } }),
          /not a name of this/,
        );
        const byName = { headers: { host: `${hostname()}:${door.port}` } };
        assert.equal((await call(door.port, "/topics", byName)).status, 200);
        const withToken = { headers: { ...forwarded.headers, authorization: "Bearer a-secret-of-16-bytes" } };
        assert.equal((await call(door.port, "/topics", withToken)).status, 200);
      },
      { token: "a-secret-of-16-bytes", limits: { requestBytesMax: 4096 } },
    ));

  it("loses and fails nothing while brokers come and go, even all of them", () =>
    withDoor({}, async (door) => {
      const { port } = door;
      for (const part of ["P1", "P2", "P3", "P4"]) await succeed(port, "/topics/add", { topic: "T", part });
      const consumer = await succeed(port, "/consumer/register", { topic: "T" });
      const load = await startLoad(port, "T", 8, false);
      const progress = () => load.acknowledged.reduce((sum, count) => sum + count, 0);
      const more = async (count: number) => {
        const from = progress();
        await until("messages go on", () => progress() >= from + count || load.failures.length > 0);
      };
      await more(50);
      await succeed(port, "/brokers/add?broker_name=broker1");
      await more(50);
      await succeed(port, "/brokers/add?broker_name=broker2");
      assert.deepEqual(await brokersOf(port), ["broker0", "broker1", "broker2"]);
      await more(50);
      await succeed(port, "/brokers/rm?broker_name=broker0");
      await more(50);
      await succeed(port, "/brokers/rm?broker_name=all");
      assert.deepEqual(await brokersOf(port), []);
      await succeed(port, "/brokers/add?broker_name=broker7");
      await more(50);
      await load.stop();
      assert.deepEqual(load.failures, []);
      expectAll(load, await readAll(door.queue?.read ?? 0, consumer));
    }));

  it("loses and doubles nothing of producers with sequences when brokers are killed", () =>
    withDoor({ brokers: 2 }, async (door, dataDir) => {
      const { port } = door;
      for (const part of ["P1", "P2", "P3", "P4"]) await succeed(port, "/topics/add", { topic: "T", part });
      const consumer = await succeed(port, "/consumer/register", { topic: "T" });
      const load = await startLoad(port, "T", 8, true);
      const progress = () => load.acknowledged.reduce((sum, count) => sum + count, 0);
      for (let kill = 0; kill < 3; kill++) {
        await until("both brokers run", () => pidsIn(dataDir).length === 2);
        const from = progress();
        await until("messages go on", () => progress() >= from + 50);
        const [killed = 0] = pidsIn(dataDir).slice(kill % 2);
        process.kill(killed, "SIGKILL");
        await until("it is noticed", () => !pidsIn(dataDir).includes(killed));
      }
      await load.stop();
      expectAll(load, await readAll(door.queue?.read ?? 0, consumer));
    }));

  it("is ready when a broker is, and shows the queue's figures", () =>
    withDoor({}, async (door) => {
      const admin = door.admin?.port ?? 0;
      await succeed(door.port, "/topics/add", { topic: "T", part: "P1" });
      assert.equal((await call(admin, "/readyz")).status, 200);
      const producer = await succeed(door.port, "/producer/register", { topic: "T" });
      const queue = door.queue?.queue ?? 0;
      const post = { method: "POST", headers: { "content-type": "application/json" } };
      const made = await call(queue, "/v1/topics/T/consumers", { ...post, body: '{"name":"billing"}' });
      assert.ok(made.status < 300, made.body);
      const consumer = await succeed(door.port, "/consumer/register", { topic: "T" });
      for (const message of ["a", "b", "c"]) {
        await succeed(door.port, "/producer/produce", { producer_id: producer, message });
      }
      let page = "";
      const shows = async (line: RegExp) => {
        for (const endMs = performance.now() + 20_000; !line.test(page); ) {
          assert.ok(
            performance.now() < endMs,
            `no ${line} in ${page.match(/^roundhouse_queue.*$/gm)?.join("\n")}`,
          );
          await new Promise((resolve) => setTimeout(resolve, 100));
          page = (await call(admin, "/metrics")).body;
        }
      };
      await shows(/^roundhouse_queue_messages_total 3$/m);
      await shows(/^roundhouse_queue_commit_duration_seconds_count [1-9]/m);
      await shows(/^roundhouse_queue_brokers 1$/m);
      await shows(/^roundhouse_queue_consumer_lag\{topic="T",consumer="billing"\} 3$/m);
      await shows(
        RegExp(`^roundhouse_queue_consumer_lag\\{topic="T",consumer="consumer_id=${consumer}"\\} 3$`, "m"),
      );
      await succeed(door.port, "/brokers/rm?broker_name=all");
      assert.equal((await call(admin, "/readyz")).status, 503);
    }));
});
