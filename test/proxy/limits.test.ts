// The proxy's bounds in time and number: deadlines, connection caps, requests per connection, slow-loris, drain.
// Bounds in bytes are vectors (test/http/vectors/limits.ts).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import type { Client } from "../http/client.ts";
import { answerOk, startOrigin } from "../http/origin.ts";
import { type Stand, withStand } from "../http/stand.ts";
import { statusOf, valuesOf } from "../http/strict.ts";
import { until } from "../http/until.ts";
import { get, head, post } from "../http/vectors/vector.ts";

/** ROUNDHOUSE_SLOW_CLIENTS=5000 for the full run; each takes two descriptors of this process. */
const slowClients = Number(process.env.ROUNDHOUSE_SLOW_CLIENTS ?? 2_000);

const statuses = (client: Client): number[] => client.answers().finals.map(statusOf);

describe("deadlines", () => {
  it("a head that does not come to its end gets 408, even one that drips", () =>
    withStand({ limits: { headDeadlineMs: 400 } }, async (stand) => {
      const still = await stand.connect();
      const dripping = await stand.connect();
      still.send("GET /v HTTP/1.1\r\nHost: a");
      dripping.send("GET /v HTTP/1.1\r\nHost: a\r\n");
      const timer = setInterval(() => dripping.send("X-A: b\r\n"), 50);
      await Promise.all([still.untilEnded(), dripping.untilEnded()]);
      clearInterval(timer);
      assert.deepEqual([statuses(still), statuses(dripping)], [[408], [408]]);
      assert.deepEqual(valuesOf(still.answers().finals[0]?.fields ?? [], "connection"), ["close"]);
      assert.equal(stand.origin.bytesReceived(), 0);
    }));

  it("a connection that says nothing is closed", () =>
    withStand({ limits: { headDeadlineMs: 300 } }, async (stand) => {
      const client = await stand.connect();
      await client.untilEnded();
      assert.ok(statuses(client).every((status) => status === 408));
    }));

  it("a kept connection that rests is closed without a word", () =>
    withStand({ limits: { keepAliveIdleMs: 300 } }, async (stand) => {
      const client = await stand.connect();
      client.send(get());
      await client.take(1);
      await client.untilEnded();
      assert.deepEqual(statuses(client), [200]);
    }));

  it("a body that stops gets 408, and the upstream's connection goes with it", async () => {
    await withStand({ limits: { requestIdleMs: 300 } }, async (stand) => {
      const client = await stand.connect();
      client.send(post("Content-Length: 10").concat("hel"));
      await client.untilEnded();
      assert.deepEqual(statuses(client), [408]);
      assert.equal(stand.origin.requests.length, 0);
      await until("the upstream's connection to be given up", () =>
        stand.origin.connections.every(({ ended }) => ended),
      );
    });
  });

  it("an answer that stops is cut off", async () => {
    const origin = await startOrigin(
      (_, { socket }) =>
        void socket.write(head("HTTP/1.1 200 OK", "Content-Length: 100000").concat("x".repeat(50_000))),
    );
    await withStand({ origins: [origin], limits: { responseIdleMs: 300 } }, async (stand) => {
      const client = await stand.connect();
      client.send(get());
      await client.untilEnded();
      assert.deepEqual(statuses(client), []);
    });
  });

  it("a client that takes nothing of its answer is let go", async () => {
    const origin = await startOrigin(
      (_, { socket }) =>
        void socket.write(head("HTTP/1.1 200 OK", "Content-Length: 50000000").concat("x".repeat(50_000_000))),
    );
    await withStand({ origins: [origin], limits: { sendIdleMs: 300 } }, async (stand) => {
      const client = await stand.connect();
      client.socket.pause();
      client.send(get());
      await until("the connection to be given up", () => stand.openPeers() === 0);
      await until("the upstream's too", () => origin.connections[0]?.ended === true);
      client.destroy();
    });
  });
});

/** A server that is stopped, and whose queue of connections is full: to connect to it takes forever. */
async function startUnreachable(): Promise<{ readonly port: number; end(): void }> {
  const program =
    "require('net').createServer().listen({port:0,host:'127.0.0.1',backlog:1},function(){console.log(this.address().port)})";
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  const queued = Array.from({ length: 8 }, () => connect({ port, host: "127.0.0.1" }).on("error", () => {}));
  const end = (): void => {
    for (const socket of queued) socket.destroy();
    child.kill("SIGKILL");
  };
  const isFull = (): boolean => queued.filter(({ pending }) => !pending).length >= 2;
  await until("its queue to be full", isFull).catch((error: unknown) => {
    end();
    throw error;
  });
  return { port, end };
}

describe("an upstream that cannot be connected to in time", { skip: process.platform === "win32" }, () => {
  it("is passed over, also by a POST, of which nothing was sent; and where there is no other, 503", async () => {
    const unreachable = await startUnreachable();
    const origin = { ...(await startOrigin()), address: { host: "127.0.0.1", port: unreachable.port } };
    const limits = { connectDeadlineMs: 300 };
    try {
      await withStand({ origins: [origin, await startOrigin()], limits }, async (stand) => {
        for (const request of [get(), post("Content-Length: 2").concat("hi")]) {
          const client = await stand.connect();
          client.send(request);
          await client.take(1);
          assert.deepEqual(statuses(client), [200]);
          client.destroy();
        }
        assert.deepEqual(
          stand.failures.map(({ failure }) => failure),
          ["connect-timeout", "connect-timeout"],
        );
      });
      await withStand({ origins: [origin], limits }, async (stand) => {
        const client = await stand.connect();
        client.send(get());
        await client.take(1);
        assert.deepEqual(statuses(client), [503]);
        client.destroy();
        await until("its attempt to be given up", () => stand.upstreams[0]?.connections === 0);
      });
    } finally {
      unreachable.end();
    }
  });
});

describe("numbers", () => {
  it("connections from one address are capped, those from another are not affected", () =>
    withStand({ limits: { connectionsPerAddressMax: 3 } }, async (stand) => {
      const first = await Promise.all([stand.connect(), stand.connect(), stand.connect()]);
      for (const client of first) client.send(get());
      await Promise.all(first.map((client) => client.take(1)));
      const fourth = await stand.connect();
      fourth.send(get());
      await fourth.untilEnded();
      assert.ok(fourth.reset() || statuses(fourth).join() === "503");
      const elsewhere = await stand.connect("127.0.0.2");
      elsewhere.send(get());
      await elsewhere.take(1);
      assert.deepEqual(statuses(elsewhere), [200]);
      first[0]?.destroy();
      await until("a place to be free", () => stand.proxy.stats.connections === 3);
      const fifth = await stand.connect();
      fifth.send(get());
      await fifth.take(1);
      assert.deepEqual(statuses(fifth), [200]);
      for (const client of [...first, elsewhere, fifth]) client.destroy();
    }));

  it("connections in all are capped", () =>
    withStand({ limits: { connectionsMax: 2 } }, async (stand) => {
      const kept = [await stand.connect("127.0.0.2"), await stand.connect("127.0.0.3")];
      await until("both", () => stand.proxy.stats.connections === 2);
      const third = await stand.connect();
      await third.untilEnded();
      assert.equal(stand.proxy.stats.connectionsRefused, 1);
      for (const client of kept) client.destroy();
    }));

  it("requests on one connection are capped: the last answer says close, and nothing behind it counts", () =>
    withStand({ limits: { requestsPerConnectionMax: 3 } }, async (stand) => {
      const client = await stand.connect();
      client.send(get().repeat(5));
      await client.untilEnded();
      const { finals } = client.answers();
      assert.equal(finals.length, 3);
      assert.deepEqual(
        finals.map(({ fields }) => valuesOf(fields, "connection").includes("close")),
        [false, false, true],
      );
      assert.equal(stand.origin.requests.length, 3);
    }));

  it("pipelined requests wait their turn: one at a time at the upstream", async () => {
    let open = 0;
    let most = 0;
    const origin = await startOrigin((request, connection, nth) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        answerOk(request, connection, nth);
      });
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(get().repeat(50));
      assert.equal((await client.take(50)).finals.length, 50);
      assert.equal(most, 1);
      client.destroy();
    });
  });
});

describe("slow-loris", () => {
  it("thousands of slow heads leave another client undisturbed", () =>
    withStand({}, async (stand) => {
      const slow: Client[] = [];
      for (let i = 0; i < slowClients; i += 100)
        slow.push(...(await Promise.all(Array.from({ length: 100 }, () => stand.connect()))));
      const before = process.memoryUsage().rss;
      for (const client of slow) client.send("GET /v HTTP/1.1\r\nHost: a\r\nX-A: ");
      await until("all of them", () => stand.proxy.stats.connections >= slow.length);
      const lively = await stand.connect();
      for (let nth = 1; nth <= 50; nth++) {
        for (const client of slow.slice(nth * 40, nth * 40 + 40)) client.send("b");
        lively.send(get());
        await lively.take(nth);
      }
      assert.deepEqual(new Set(statuses(lively)), new Set([200]));
      assert.equal(stand.origin.requests.length, 50);
      const grownBytes = process.memoryUsage().rss - before;
      assert.ok(grownBytes < slow.length * 32 * 1024, `${grownBytes} bytes for ${slow.length} slow clients`);
      for (const client of [...slow, lively]) client.destroy();
    }));
});

describe("drain", () => {
  async function draining(stand: Stand): Promise<{ idle: Client; busy: Client; answer: () => void }> {
    const idle = await stand.connect();
    idle.send(get());
    await idle.take(1);
    const busy = await stand.connect();
    busy.send(head("GET /slow HTTP/1.1", "Host: a"));
    await until("the slow request", () => stand.origin.requests.length === 2);
    return {
      idle,
      busy,
      answer: () =>
        void stand.origin.connections
          .at(-1)
          ?.socket.write(head("HTTP/1.1 200 OK", "Content-Length: 2").concat("ok")),
    };
  }
  const origin = () =>
    startOrigin((request, connection, nth) => {
      if (!request.start.includes("/slow")) answerOk(request, connection, nth);
    });

  it("closes idle connections at once and lets the others finish, with Connection: close", async () =>
    withStand({ origins: [await origin()] }, async (stand) => {
      const { idle, busy, answer } = await draining(stand);
      const drained = stand.proxy.drain(5_000);
      await idle.untilEnded();
      assert.equal(busy.ended(), false);
      answer();
      await drained;
      await busy.untilEnded();
      const { finals } = busy.answers();
      assert.equal(finals[0]?.body, "ok");
      assert.deepEqual(valuesOf(finals[0]?.fields ?? [], "connection"), ["close"]);
      assert.equal(stand.proxy.stats.connections, 0);
    }));

  it("ends what is left after its deadline", async () =>
    withStand({ origins: [await origin()] }, async (stand) => {
      const { busy } = await draining(stand);
      await stand.proxy.drain(200);
      await busy.untilEnded();
      assert.deepEqual(statuses(busy), []);
      assert.equal(stand.proxy.stats.connections, 0);
    }));
});
