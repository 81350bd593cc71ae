import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { describe, it } from "node:test";
import { parseStages } from "./arrivals.ts";
import { parseKeys } from "./keys.ts";
import { type LoadOptions, type LoadResult, runLoad } from "./load.ts";
import { seededRandom } from "./random.ts";
import { createRequestText, parseMethods } from "./request-text.ts";

/** A server that answers each request head with what `answer` gives for it; null: it says nothing. */
async function serving(
  answer: (head: string, socket: Socket, nth: number) => string | null,
  run: (port: number, server: Server) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  let nth = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const reply = answer(text.slice(0, end + 4 + length), socket, nth++);
        text = text.slice(end + 4 + length);
        if (reply !== null) socket.write(reply, "latin1");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  try {
    await run(typeof address === "object" && address !== null ? address.port : 0, server);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

function load(
  port: number,
  options: Partial<LoadOptions> = {},
  body: string | null = null,
): Promise<LoadResult> {
  const random = seededRandom(1);
  return runLoad({
    target: { host: "127.0.0.1", port, tls: false, insecure: false },
    model: "closed",
    stages: parseStages("30s:4"),
    methods: parseMethods("GET"),
    keys: parseKeys("sequence", random),
    requestText: createRequestText({ host: "test", target: "/item/{key}", headers: ["X-Key: {key}"], body }),
    random,
    ...options,
  });
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

describe("the closed model", () => {
  it("sends so many requests, each with its own key, and counts what came", async () => {
    const seen: string[] = [];
    const note = (head: string) => {
      seen.push(head);
      return hello;
    };
    await serving(note, async (port) => {
      const result = await load(port, { requestCount: 500 });
      assert.equal(result.counts.answered, 500);
      assert.deepEqual(result.byCode, { 200: 500 });
      assert.equal(result.counts.bytes, 500 * hello.length);
      assert.equal(new Set(seen).size, 500);
      assert.ok(seen.includes("GET /item/499 HTTP/1.1\r\nHost: test\r\nX-Key: 499\r\n\r\n"));
      assert.ok(
        (result.latencyMs?.p50 ?? 0) > 0 && (result.latencyMs?.max ?? 0) >= (result.latencyMs?.p99 ?? 0),
      );
    });
  });

  it("has never more requests under way than users", async () => {
    let underWay = 0;
    let most = 0;
    const held: (() => void)[] = [];
    const slowly = (_: string, socket: Socket): null => {
      most = Math.max(most, ++underWay);
      held.push(() => {
        underWay--;
        socket.write(hello);
      });
      // The first ones wait until there are seven.
      if (most >= 7) for (const answer of held.splice(0)) setTimeout(answer, 5);
      return null;
    };
    await serving(slowly, async (port) => {
      await load(port, { requestCount: 100, stages: parseStages("30s:7") });
      assert.equal(most, 7);
    });
  });

  it("reads every framing of an answer", async () => {
    const answers = [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    ];
    const each = (_: string, socket: Socket, nth: number): string | null => {
      const reply = answers[nth % answers.length] as string;
      if (!reply.includes("close")) return reply;
      socket.end(reply);
      return null;
    };
    await serving(each, async (port) => {
      const result = await load(port, { requestCount: 40, stages: parseStages("30s:1") });
      assert.deepEqual(result.byCode, { 200: 20, 204: 10, 404: 10 });
      assert.equal(result.counts.resent, 0);
    });
  });

  it("counts each way in which a request can fail, and goes on", async () => {
    const faults = (_: string, socket: Socket, nth: number): string | null => {
      if (nth % 5 === 0) return hello;
      if (nth % 5 === 1) return "HTTP/1.1 2xx OK\r\n\r\n";
      if (nth % 5 === 2) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      return nth % 5 === 3 ? null : hello;
    };
    await serving(faults, async (port) => {
      const result = await load(port, { requestCount: 50, timeoutMs: 100 });
      assert.deepEqual(result.counts.failed, { connect: 0, reset: 10, timeout: 10, malformed: 10 });
      assert.equal(result.counts.answered, 20);
      assert.ok(Object.keys(result.problems).some((words) => words.includes("status code")));
    });
  });

  it("sends again, once, what a server has not seen because it closed a resting connection", async () => {
    const once_ = (_: string, socket: Socket, nth: number): string => {
      if (nth % 2 === 0) setImmediate(() => socket.resetAndDestroy());
      return hello;
    };
    await serving(once_, async (port) => {
      const result = await load(port, { requestCount: 100, stages: parseStages("30s:1") });
      assert.equal(result.counts.answered, 100);
    });
  });

  it("tells when nobody listens", async () => {
    let free = 0;
    await serving(
      () => null,
      async (port) => {
        free = port;
      },
    );
    const result = await load(free, { requestCount: 10 });
    assert.equal(result.counts.failed.connect, 10);
    assert.ok(Object.keys(result.problems).every((words) => words.includes("ECONNREFUSED")));
  });

  it("counts answers by replica", async () => {
    const named = (_: string, __: Socket, nth: number) =>
      `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nS${nth % 3}`;
    await serving(named, async (port) => {
      const replicaOf = (sample: string) => /S\d$/.exec(sample)?.[0] ?? null;
      const { byReplica } = await load(port, { requestCount: 30, replicaOf });
      assert.deepEqual(byReplica, { S0: 10, S1: 10, S2: 10 });
    });
  });

  it("sends bodies, and methods by their shares", async () => {
    const methods = new Map<string, number>();
    const note = (head: string) => {
      const method = head.split(" ", 1)[0] as string;
      methods.set(method, (methods.get(method) ?? 0) + 1);
      if (method === "POST") assert.match(Buffer.from(head, "latin1").toString(), /\r\n\r\n\{"grüße":\d+\}$/);
      return hello;
    };
    await serving(note, async (port) => {
      await load(port, { requestCount: 1000, methods: parseMethods("GET:3,POST:1") }, '{"grüße":{key}}');
      assert.ok(Math.abs((methods.get("POST") ?? 0) - 250) < 60);
    });
  });
});

describe("the open model", () => {
  it("counts latency from when a request was due: a stall shows in all that it held up", async () => {
    let stalledUntil = 0;
    const stall = (_: string, socket: Socket, nth: number): string | null => {
      if (nth === 50) stalledUntil = Date.now() + 400;
      const left = stalledUntil - Date.now();
      if (left <= 0) return hello;
      setTimeout(() => socket.write(hello), left);
      return null;
    };
    await serving(stall, async (port) => {
      const result = await load(port, { model: "open", stages: parseStages("1s:200"), connectionsMax: 1 });
      assert.equal(result.counts.answered, 200);
      // 400 ms at 200/s hold up some 80 of 200 requests, by 200 ms on average.
      assert.ok((result.latencyMs?.p75 ?? 0) > 50, `p75 ${result.latencyMs?.p75}`);
      assert.ok((result.serviceMs?.p75 ?? 1e9) < 50, `p75 without the wait ${result.serviceMs?.p75}`);
    });
  });

  it("keeps to its rate, whatever the server does", async () => {
    let came = 0;
    const count = () => {
      came++;
      return null;
    };
    await serving(count, async (port) => {
      const result = await load(port, { model: "open", stages: parseStages("500ms:100"), timeoutMs: 200 });
      assert.equal(came, 50);
      assert.equal(result.counts.failed.timeout, 50);
    });
  });

  it("ends early when it is told to", async () => {
    await serving(
      () => hello,
      async (port) => {
        const stop = new AbortController();
        const onSample = () => stop.abort();
        const result = await load(port, {
          model: "open",
          stages: parseStages("1m:50"),
          signal: stop.signal,
          onSample,
        });
        assert.ok(result.counts.answered > 10 && result.seconds < 30);
      },
    );
  });
});

describe("what cannot be sent", () => {
  const shape = { host: "h", target: "/", headers: [], body: null };
  it("is refused with what is accepted", () => {
    assert.throws(() => createRequestText({ ...shape, target: "nowhere" }), /begins with "\/"/);
    assert.throws(() => createRequestText({ ...shape, headers: ["No colon"] }), /accepted: Name: value/);
    assert.throws(() => createRequestText({ ...shape, headers: ["A: b\r\nC: d"] }), /accepted: Name: value/);
    assert.throws(() => createRequestText({ ...shape, headers: ["Content-Length: 5"] }), /set by the body/);
    assert.throws(() => parseMethods("GET:x"), /such as GET:9,POST:1/);
    assert.throws(() => parseMethods(""), /such as GET:9,POST:1/);
  });

  it("escapes keys in targets", () => {
    const text = createRequestText({ ...shape, target: "/a/{key}" })("GET", "ü b/c?d");
    assert.equal(text, "GET /a/%C3%BC%20b%2Fc%3Fd HTTP/1.1\r\nHost: h\r\n\r\n");
  });
});
