import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, test } from "node:test";
import fc from "fast-check";
import { drainIdleMs } from "../../proxy/client-connection.ts";
import { listenOnWire, type WireListenerOptions } from "./listener.ts";
import type { Answer, WireRequest, WireService } from "./service.ts";

const closers: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closers) await close();
});

/** Answers what it got, as JSON; `/later` in a later turn, `/never` when the client has gone. */
const echo: WireService = {
  serve(request: WireRequest): Answer | Promise<Answer> {
    const body = JSON.stringify({
      method: request.method,
      path: request.path,
      query: request.query,
      kind: request.header("content-type") ?? "",
      body: request.body.toString(),
    });
    const answer: Answer = { status: 200, type: "application/json", body };
    if (request.path === "/large") return { ...answer, body: Buffer.alloc(4_000_000, 120) };
    if (request.path === "/later") return new Promise((resolve) => setTimeout(resolve, 5, answer));
    if (request.path !== "/never") return answer;
    return new Promise((resolve) => request.signal().addEventListener("abort", () => resolve(answer)));
  },
  refuse: (target, status, detail) => ({ status, type: "text/plain", body: `${target}|${detail}` }),
};

async function listening(options: WireListenerOptions = {}, service = echo) {
  const listener = await listenOnWire(service, options);
  closers.push(() => listener.close(0));
  return listener;
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => resolve(socket));
    socket.on("error", () => {});
  });
}

/** All that comes until the other side closes. */
async function exchanged(port: number, pieces: readonly (string | Buffer)[], end = false): Promise<string> {
  const socket = await connected(port);
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk) => {
    text += chunk;
  });
  const closed = new Promise((resolve) => socket.on("close", resolve).on("end", () => socket.end()));
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise(setImmediate);
  }
  if (end) socket.end();
  await closed;
  return text;
}

const post = (path: string, body: string, more = "") =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const bodies = (text: string) => [...text.matchAll(/"path":"([^"]*)"/g)].map((match) => match[1]);

test("answers one request after another on a kept connection", async () => {
  const { port } = await listening();
  const text = await exchanged(port, [
    get("/a?x=1"),
    post("/b", "hello"),
    get("/c", "Connection: close\r\n"),
  ]);
  assert.deepEqual(bodies(text), ["/a", "/b", "/c"]);
  assert.match(text, /"query":"x=1"/);
  assert.match(text, /"body":"hello"/);
  assert.equal(text.split("Connection: close").length, 2);
});

test("an HTTP/1.0 client is told that its connection is kept, and only when it asked for that", async () => {
  const { port } = await listening();
  const old = (more: string) => `GET /a HTTP/1.0\r\n${more}\r\n`;
  const text = await exchanged(port, [old("Connection: keep-alive\r\n") + old("")]);
  assert.deepEqual(
    [...text.matchAll(/Connection: ([a-z-]+)/g)].map((match) => match[1]),
    ["keep-alive", "close"],
  );
});

test("answers pipelined requests in their order, those that take longer included", async () => {
  const { port } = await listening();
  const many = Array.from({ length: 50 }, (_, i) =>
    i % 7 === 3 ? get("/later") : post(`/p${i}`, `body ${i}`),
  );
  const text = await exchanged(port, [many.join("") + get("/end", "Connection: close\r\n")]);
  const expected = Array.from({ length: 50 }, (_, i) => (i % 7 === 3 ? "/later" : `/p${i}`));
  assert.deepEqual(bodies(text), [...expected, "/end"]);
});

test("reads the same request however it is cut", async () => {
  const { port } = await listening();
  const requests =
    post("/one", "first body") +
    "POST /two HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsecon\r\n6;a=b\r\nd body\r\n0\r\nT: x\r\n\r\n" +
    get("/three", "Connection: close\r\n");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: requests.length - 1 }), { maxLength: 12 }),
      async (cuts) => {
        const places = [0, ...new Set(cuts)].sort((a, b) => a - b);
        const pieces = places.map((place, i) => requests.slice(place, places[i + 1]));
        const text = await exchanged(port, pieces);
        assert.deepEqual(bodies(text), ["/one", "/two", "/three"]);
        assert.match(text, /"body":"first body"/);
        assert.match(text, /"body":"second body"/);
      },
    ),
    { numRuns: 60 },
  );
});

test("a body longer than one read comes whole", async () => {
  const { port } = await listening();
  const body = "0123456789".repeat(150_000);
  const text = await exchanged(port, [post("/long", body, "Connection: close\r\n")]);
  assert.ok(text.includes(body));
});

test("HEAD is answered as GET without the body", async () => {
  const { port } = await listening();
  const text = await exchanged(port, ["HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]);
  assert.match(
    text,
    /^HTTP\/1.1 200 OK\r\nDate: .*GMT\r\nContent-Type: application\/json\r\nContent-Length: 6\d\r\n/,
  );
  assert.ok(text.endsWith("\r\n\r\n"));
});

test("100-continue is said before the body is read, and not when its length is refused", async () => {
  const { port } = await listening({ limits: { bodyBytesMax: 100 } });
  const head = (length: number) =>
    `POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;
  const socket = await connected(port);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
    if (text === "HTTP/1.1 100 Continue\r\n\r\n") socket.write("abc");
  });
  socket.write(head(3));
  await new Promise((resolve) => socket.on("end", resolve));
  socket.end();
  assert.match(text, /"body":"abc"/);
  assert.match(await exchanged(port, [head(101)]), /^HTTP\/1.1 413 .*longer than 100 bytes/s);
});

test("what is malformed, too large or cut short is refused, and the connection closed", async () => {
  const { port } = await listening({ limits: { bodyBytesMax: 100, headBytesMax: 1024 } });
  const cases: readonly (readonly [string, RegExp])[] = [
    ["GET /p?q HTTP/1.1\r\n\r\n", /^HTTP\/1.1 400 .*\/p\?q\|no Host/s],
    ["nonsense\r\n\r\n", /^HTTP\/1.1 400 /],
    [get("/a", `X: ${"y".repeat(2000)}\r\n`), /^HTTP\/1.1 431 /],
    [
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      /^HTTP\/1.1 400 /,
    ],
    ["POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", /^HTTP\/1.1 400 .*\/a\|/s],
    [
      `POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n${"x".repeat(101)}\r\n0\r\n\r\n`,
      /^HTTP\/1.1 413 /,
    ],
    ["POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", /^HTTP\/1.1 400 .*midst of a body/s],
    ["GET /a HTT", /^HTTP\/1.1 400 .*midst of a request's head/s],
  ];
  for (const [request, expected] of cases) {
    const text = await exchanged(port, [request], true);
    assert.match(text, expected, request);
    assert.match(text, /Connection: close/);
  }
});

test("deadlines: a head and a body that do not come are refused, an idle connection is closed in silence", async () => {
  const limits = { headDeadlineMs: 150, bodyIdleMs: 150, keepAliveIdleMs: 150 };
  const { port } = await listening({ limits });
  assert.match(await exchanged(port, ["GET /a"]), /^HTTP\/1.1 408 /);
  assert.match(await exchanged(port, [post("/a", "abc").slice(0, -1)]), /^HTTP\/1.1 408 .*byte of the body/s);
  const kept = await exchanged(port, [get("/a")]);
  assert.match(kept, /^HTTP\/1.1 200 /);
  assert.equal(kept.split("HTTP/1.1").length, 2);
});

test("all bodies together are bounded", async () => {
  const { port } = await listening({ limits: { bodiesBytesMax: 1000 } });
  const first = await connected(port);
  first.write(post("/never", "x".repeat(900)));
  const text = await (async () => {
    for (;;) {
      const answer = await exchanged(port, [post("/b", "y".repeat(200), "Connection: close\r\n")]);
      if (answer.startsWith("HTTP/1.1 503")) return answer;
    }
  })();
  assert.match(text, /retry/);
  first.destroy();
  for (;;) {
    const answer = await exchanged(port, [post("/b", "y".repeat(200), "Connection: close\r\n")]);
    if (answer.startsWith("HTTP/1.1 200")) break;
  }
});

test("a client that reads slowly gets everything, and its next request waits", async () => {
  const { port } = await listening();
  const socket = await connected(port);
  socket.pause();
  socket.write(get("/large") + get("/large") + get("/end", "Connection: close\r\n"));
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  socket.pause();
  setTimeout(() => socket.resume(), 50);
  await new Promise((resolve) => socket.on("end", resolve));
  socket.end();
  assert.ok(bytes > 8_000_000);
});

test("a service learns that its client has gone", async () => {
  let gone = false;
  const { port } = await listening(
    {},
    {
      ...echo,
      serve(request) {
        return new Promise((resolve) => {
          request.signal().addEventListener("abort", () => {
            gone = true;
            resolve({ status: 200, type: "", body: "" });
          });
        });
      },
    },
  );
  const socket = await connected(port);
  socket.write(get("/wait"));
  setTimeout(() => socket.destroy(), 20);
  while (!gone) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("closing answers what is under way and ends idle connections", async () => {
  const listener = await listenOnWire(echo);
  const idle = await connected(listener.port);
  const idleClosed = new Promise((resolve) => idle.on("end", resolve));
  const busy = exchanged(listener.port, [get("/later")]);
  while (listener.stats.requests < 1) await new Promise(setImmediate);
  const closed = listener.close(5000);
  assert.match(await busy, /^HTTP\/1.1 200 .*Connection: close/s);
  await idleClosed;
  idle.end();
  await closed;
});

test("closing answers what had been sent before, also when this process was held up for long", async () => {
  for (const heldUpMs of [0, 2 * drainIdleMs]) {
    const listener = await listenOnWire(echo);
    const socket = await connected(listener.port);
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk) => {
      text += chunk;
    });
    const ended = new Promise((resolve) => socket.on("end", resolve));
    socket.write(get("/a"));
    while (bodies(text).length < 1) await new Promise(setImmediate);
    socket.write(get("/b"));
    const untilMs = performance.now() + heldUpMs;
    while (performance.now() < untilMs);
    const closed = listener.close(5000);
    await ended;
    assert.deepEqual(bodies(text), ["/a", "/b"]);
    assert.match(text, /Connection: close\r\n\r\n[^\r]*$/);
    socket.end();
    await closed;
  }
});

test("random bytes never crash it", async () => {
  const { port, stats } = await listening();
  const word = fc.constantFrom(
    "GET ",
    "POST ",
    "/a ",
    "HTTP/1.1\r\n",
    "Host: x\r\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "\0",
    "\xff\xfe",
  );
  const piece = fc.oneof(
    { weight: 4, arbitrary: word.map((text) => Buffer.from(text, "latin1")) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
      await exchanged(port, [Buffer.concat(pieces)], true);
    }),
    { numRuns: 300 },
  );
  assert.match(await exchanged(port, [get("/alive", "Connection: close\r\n")]), /200 OK/);
  assert.ok(stats.requests > 0);
});
