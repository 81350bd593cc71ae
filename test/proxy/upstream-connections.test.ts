// When an upstream's connection is used again, and when it must not be; and what becomes of a request whose upstream
// fails: once more elsewhere where that is safe, else 502 (RFC 9110 §9.2.2, RFC 9112 §9.3 and §9.6).
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Client } from "../http/client.ts";
import { answerOk, type Origin, type OriginScript, startOrigin, startRawOrigin } from "../http/origin.ts";
import { type Stand, unavailableBody, withStand } from "../http/stand.ts";
import { statusOf, valuesOf } from "../http/strict.ts";
import { until } from "../http/until.ts";
import { get, head, post } from "../http/vectors/vector.ts";

const ok = head("HTTP/1.1 200 OK", "Content-Length: 2").concat("ok");

async function status(stand: Stand, bytes: string): Promise<number> {
  const client = await stand.connect();
  const answered = await statusOn(client, bytes);
  client.destroy();
  return answered;
}
async function statusOn(client: Client, bytes: string): Promise<number> {
  const before = client.answers().finals.length;
  client.send(bytes);
  const { finals } = await client.take(before + 1);
  return finals[before] ? statusOf(finals[before]) : 0;
}
const ended = (origin: Origin, index: number): Promise<void> =>
  until(`connection ${index} to be closed`, () => origin.connections[index]?.ended === true);

describe("an upstream's connection", () => {
  it("is used again, by other clients too", () =>
    withStand({}, async (stand) => {
      for (let i = 0; i < 5; i++) assert.equal(await status(stand, get()), 200);
      assert.equal(stand.origin.connections.length, 1);
    }));

  it("is closed when bytes come that nobody asked for", async () => {
    const origin = await startOrigin();
    await withStand({ origins: [origin] }, async (stand) => {
      assert.equal(await status(stand, get()), 200);
      origin.connections[0]?.socket.write(ok);
      await ended(origin, 0);
      assert.equal(await status(stand, get()), 200);
      assert.equal(origin.connections.length, 2);
    });
  });

  it("is not used again after an answer that came before the request's end", async () => {
    const origin = await startRawOrigin(({ socket, index }) => {
      socket.once("data", () => void socket.write(ok));
      if (index > 0) socket.on("data", () => {});
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(post("Content-Length: 1000000").concat("x".repeat(1000)));
      await client.take(1);
      assert.equal(statusOf(client.answers().finals[0] as never), 200);
      await ended(origin, 0);
      await client.untilEnded();
      assert.equal(await status(stand, get()), 200);
      assert.equal(origin.connections.length, 2);
    });
  });

  it("is given up when the client goes before the answer", async () => {
    const origin = await startOrigin(({ start }, connection, nth) => {
      if (!start.includes("/slow")) answerOk({ start } as never, connection, nth);
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(head("GET /slow HTTP/1.1", "Host: a"));
      await until("the request at the upstream", () => origin.requests.length === 1);
      client.socket.resetAndDestroy();
      await ended(origin, 0);
      assert.equal(await status(stand, get()), 200);
      assert.equal(stand.upstreams[0]?.inFlight, 0);
    });
  });

  it("is retired before its Keep-Alive: timeout", async () => {
    const origin = await startOrigin(
      (_, { socket }) =>
        void socket.write(head("HTTP/1.1 200 OK", "Keep-Alive: timeout=1", "Content-Length: 0")),
    );
    await withStand({ origins: [origin] }, async (stand) => {
      assert.equal(await status(stand, get()), 200);
      const restedSince = performance.now();
      await ended(origin, 0);
      assert.ok(
        performance.now() - restedSince < 1_000,
        "it was kept until the upstream would have closed it",
      );
    });
  });

  it("is not kept when the upstream says timeout=0", async () => {
    const origin = await startOrigin(
      (_, { socket }) =>
        void socket.write(head("HTTP/1.1 200 OK", "Keep-Alive: timeout=0", "Content-Length: 0")),
    );
    await withStand({ origins: [origin] }, async (stand) => {
      assert.equal(await status(stand, get()), 200);
      await ended(origin, 0);
    });
  });

  it("that rested is not trusted with a POST", () =>
    withStand({}, async (stand) => {
      assert.equal(await status(stand, get()), 200);
      // Longer than an idle connection counts as just used (250 ms).
      await new Promise((resolve) => setTimeout(resolve, 400));
      assert.equal(await status(stand, post("Content-Length: 0")), 200);
      assert.equal(stand.origin.connections.length, 2);
    }));

  it("closes after retire(), and destroy() fails what is in flight over", async () => {
    const slow = await startOrigin(() => {});
    const lively = await startOrigin();
    await withStand({ origins: [slow, lively] }, async (stand) => {
      const client = await stand.connect();
      client.send(get());
      await until("the request at the first", () => slow.requests.length === 1);
      stand.upstreams[0]?.destroy();
      await client.take(1);
      assert.equal(lively.requests.length, 1);
      stand.upstreams[1]?.retire();
      await ended(lively, 0);
      client.destroy();
    });
  });
});

describe("a request whose upstream fails", () => {
  const dying: OriginScript = (_, { socket }) => void socket.destroy();
  const deaf = async (): Promise<Origin> => {
    const origin = await startOrigin();
    await origin.close();
    return origin; // its port refuses
  };

  for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]) {
    it(`goes to the next when it is idempotent (${method})`, async () => {
      const [first, second] = [await startOrigin(dying), await startOrigin()];
      await withStand({ origins: [first, second] }, async (stand) => {
        const body = method === "PUT" ? "Content-Length: 5" : "X-A: b";
        const client = await stand.connect();
        client.send(head(`${method} /v HTTP/1.1`, "Host: a", body) + (method === "PUT" ? "hello" : ""));
        const { finals } = await client.take(1, [method]);
        assert.equal(statusOf(finals[0] as never), 200);
        assert.equal(second.requests.length, 1);
        assert.equal(second.requests[0]?.body, method === "PUT" ? "hello" : "");
        assert.equal(stand.upstreams[0]?.stats.redispatched, 1);
        assert.deepEqual(stand.failures, [{ name: "S1", failure: "reset" }]);
        client.destroy();
      });
    });
  }

  for (const method of ["POST", "PATCH", "PURGE"]) {
    it(`gets 502 when it may have run (${method})`, async () => {
      const [first, second] = [await startOrigin(dying), await startOrigin()];
      await withStand({ origins: [first, second] }, async (stand) => {
        assert.equal(
          await status(stand, head(`${method} /v HTTP/1.1`, "Host: a", "Content-Length: 5").concat("hello")),
          502,
        );
        assert.equal(first.requests.length, 1);
        assert.equal(second.requests.length, 0);
      });
    });
  }

  it("goes to the next when it was not sent at all, whatever its method", async () => {
    const [first, second] = [await deaf(), await startOrigin()];
    await withStand({ origins: [first, second] }, async (stand) => {
      assert.equal(await status(stand, post("Content-Length: 5").concat("hello")), 200);
      assert.equal(second.requests[0]?.body, "hello");
      assert.deepEqual(stand.failures, [{ name: "S1", failure: "refused" }]);
    });
  });

  it("is asked for again when a held answer was cut short", async () => {
    const [first, second] = [
      await startOrigin(
        (_, { socket }) =>
          void socket.end(head("HTTP/1.1 200 OK", "Content-Length: 9000").concat("x".repeat(8_999))),
      ),
      await startOrigin(),
    ];
    await withStand({ origins: [first, second] }, async (stand) => {
      const client = await stand.connect();
      client.send(get());
      const { finals } = await client.take(1);
      assert.equal(finals[0]?.body, "ok");
      client.destroy();
    });
  });

  it("is cut off visibly when a large answer was, and counted", async () => {
    const origin = await startOrigin((_, { socket }) => {
      socket.write(head("HTTP/1.1 200 OK", "Content-Length: 100000").concat("x".repeat(50_000)), () =>
        socket.destroy(),
      );
    });
    await withStand({ origins: [origin, await startOrigin()] }, async (stand) => {
      const client = await stand.connect();
      client.send(get());
      await client.untilEnded();
      const { finals, rest } = client.answers();
      assert.equal(finals.length, 0);
      assert.notEqual(rest, "");
      assert.equal(stand.upstreams[0]?.stats.truncated, 1);
    });
  });

  it("gets 503 with Retry-After when there is nobody", () =>
    withStand({ pick: () => null }, async (stand) => {
      const client = await stand.connect();
      client.send(get());
      const { finals } = await client.take(1);
      assert.equal(statusOf(finals[0] as never), 503);
      assert.equal(finals[0]?.body, unavailableBody);
      assert.deepEqual(valuesOf(finals[0]?.fields ?? [], "retry-after"), ["1"]);
      assert.equal(await statusOn(client, get()), 503, "and keeps its connection");
      client.destroy();
    }));

  it("gets 503 when every upstream refuses", async () => {
    await withStand({ origins: [await deaf(), await deaf()] }, async (stand) => {
      assert.equal(await status(stand, get()), 503);
      assert.deepEqual(
        stand.failures.map(({ name }) => name),
        ["S1", "S2"],
      );
    });
  });

  it("gets 504 when its upstream says nothing, which is reported after 250 ms", async () => {
    const origin = await startOrigin(() => {});
    await withStand({ origins: [origin], limits: { responseDeadlineMs: 600 } }, async (stand) => {
      assert.equal(await status(stand, get()), 504);
      assert.deepEqual(stand.silences, ["S1"]);
      assert.deepEqual(stand.failures, [{ name: "S1", failure: "response-timeout" }]);
      await ended(origin, 0);
    });
  });
});
