// Heads that come again are recalled and not parsed: what is forwarded must be what it would have been without that.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeadMemory } from "../http/head-memory.ts";
import type { Routing } from "./routing.ts";
import {
  answering,
  ask,
  get,
  getClose,
  ok,
  rawClient,
  scriptedUpstream,
  testedProxy,
} from "./scripted.test.ts";
import { createUpstream } from "./upstream.ts";

const sections = [
  "Host: a.example\r\n",
  "Host: a.example\r\nAccept: */*\r\n",
  "Host: b.example\r\nAccept: */*\r\n",
  "Host: a.example\r\nAccept: */*\r\nCookie: a=1\r\n",
  "Host: a.example\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Keep: 2\r\nTE: trailers\r\n",
  "Host: a.example\r\nX-Request-Id: mine\r\nX-Forwarded-For: 9.9.9.9\r\n",
  "Host: a.example\r\nX-Request-Id: not fit\r\nX_Y: 1\r\n",
  "Host: a.example\r\nContent-Length: 0\r\n",
  "Host: a.example\r\nExpect: 100-continue\r\n",
  "Host: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
];
const lines = [
  "GET /a HTTP/1.1",
  "GET /b?c HTTP/1.1",
  "HEAD /a HTTP/1.1",
  "GET http://z.example/ HTTP/1.1",
  "POST /a HTTP/1.1",
];
const unnamed = (text: string): string => text.replace(/X-Request-Id: [0-9a-f]{16}-\w+/, "X-Request-Id: ?");

test("requests on one connection are forwarded as each would be on its own, whatever came before", async () => {
  const upstream = await scriptedUpstream(answering("HTTP/1.1 204 No Content\r\n\r\n"));
  const picked: (string | undefined)[] = [];
  const tested = await testedProxy([upstream.port], {
    onPick: (request) => picked.push(request.header("cookie")),
  });
  const alone = new Map<string, string>();
  for (const line of lines)
    for (const section of sections) {
      const request = `${line}\r\n${section}\r\n`;
      const client = rawClient(tested.port, request);
      await client.until((text) => text.includes("204"));
      client.socket.destroy();
      alone.set(request, unnamed(upstream.received.pop() ?? ""));
    }
  const request = fc
    .tuple(fc.constantFrom(...lines), fc.constantFrom(...sections))
    .map(([line, section]) => `${line}\r\n${section}\r\n`);
  const often = fc
    .tuple(request, fc.integer({ min: 1, max: 6 }))
    .map(([text, times]) => Array<string>(times).fill(text));
  await fc.assert(
    fc.asyncProperty(fc.array(often, { minLength: 1, maxLength: 8 }), async (runs) => {
      const requests = runs.flat();
      upstream.received.length = 0;
      picked.length = 0;
      const client = rawClient(tested.port, requests.join(""));
      await client.until((text) => text.split(" 204 ").length > requests.length);
      client.socket.destroy();
      assert.deepEqual(
        upstream.received.map(unnamed),
        requests.map((each) => alone.get(each)),
      );
      assert.deepEqual(
        picked,
        requests.map((each) => (each.includes("Cookie") ? "a=1" : undefined)),
      );
    }),
    { numRuns: 60 },
  );
  for (const each of [tested, upstream]) each.close();
});

test("a recalled head that goes to no replica keeps what was routed: sent once, failing as its clients know it", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    if (received.startsWith("GET /queue")) socket.resetAndDestroy();
    else socket.write(ok("hi"));
    return true;
  });
  const address = { host: "127.0.0.1", port: upstream.port };
  const replica = createUpstream({ name: "S1", address });
  const brokers = ["b1", "b2"].map((name) => createUpstream({ name, kind: "broker", address }));
  const routing: Routing = {
    pick(request, tried) {
      if (!request.target.startsWith("/queue")) return replica;
      request.atMostOnce = true;
      return brokers.find((broker) => !tried.includes(broker)) ?? null;
    },
    unavailable: () => ({ body: "", retryAfterS: 1 }),
    failure: (_target, _status, body) => ({ status: 400, type: "text/plain", body }),
  };
  const tested = await testedProxy([], { routing: () => routing });
  const client = rawClient(tested.port, get("/").repeat(4) + get("/queue") + getClose("/"));
  const text = await client.closed();
  assert.deepEqual(text.match(/HTTP\/1.1 \d+/g)?.slice(4), ["HTTP/1.1 400", "HTTP/1.1 200"]);
  assert.equal(upstream.received.filter((head) => head.startsWith("GET /queue")).length, 1);
  for (const each of [replica, ...brokers]) each.destroy();
  for (const each of [tested, upstream]) each.close();
});

test("answers are forwarded as each would be on its own, whatever came before", async () => {
  const date = "Date: Mon, 23 Nov 2026 10:00:00 GMT\r\n";
  const answers = [
    ok("hello", date),
    ok("hello", "Date: Mon, 23 Nov 2026 10:00:01 GMT\r\n"),
    ok("hello", `${date}Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n`),
    ok("hello"),
    ok("h".repeat(5000), date),
    ok("", date),
    `HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n${date}\r\nhello`,
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${date}\r\n5\r\nhello\r\n0\r\n\r\n`,
    `HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n${date}\r\n`,
  ];
  const upstream = await scriptedUpstream(
    (socket, received) => socket.write(answers[Number(received[5])] ?? "") || true,
  );
  const tested = await testedProxy([upstream.port]);
  const get = (nth: number, end = "") => `GET /${nth} HTTP/1.1\r\nHost: a\r\n${end}\r\n`;
  const undated = (text: string): string =>
    text.includes("10:00:0") ? text : text.replace(/Date: [^\r]+/, "Date: ?");
  const bare: string[] = [];
  for (const nth of answers.keys()) {
    const fresh = await testedProxy([upstream.port]);
    bare.push(undated(await ask(fresh.port, get(nth, "Connection: close\r\n"))));
    fresh.close();
  }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(answers.length - 1), fc.integer({ min: 1, max: 5 }), fc.boolean()), {
        minLength: 1,
        maxLength: 8,
      }),
      async (runs) => {
        for (const [nth, times, close] of runs) {
          for (let i = 0; i < times; i++) {
            const expected = bare[nth] as string;
            if (close)
              assert.equal(undated(await ask(tested.port, get(nth, "Connection: close\r\n"))), expected);
            else {
              const client = rawClient(tested.port, get(nth));
              const kept = expected.replace("Connection: close\r\n", "");
              const text = await client.until(
                (so) => so.length >= kept.length + (kept.includes("?") ? 28 : 0),
              );
              assert.equal(undated(text), kept);
              client.socket.destroy();
            }
          }
        }
      },
    ),
    { numRuns: 40 },
  );
  for (const each of [tested, upstream]) each.close();
});

test("a head is remembered when it comes again, and one that never does costs no more than every sixteenth a copy", () => {
  const memory = new HeadMemory<{ bytes: Uint8Array }>();
  const due: number[] = [];
  for (let nth = 1; nth <= 40; nth++) {
    const bytes = Buffer.from(`head ${nth}`);
    assert.equal(memory.recalls(bytes, 0, bytes.length), false);
    if (!memory.isDue(bytes.length)) continue;
    memory.remember({ bytes });
    due.push(nth);
  }
  assert.deepEqual(due, [2, 18, 34]);
  const same = Buffer.from("xhead 34y");
  assert.equal(memory.recalls(same, 1, same.length), true);
  assert.equal(memory.recalls(same, 1, same.length - 2), false);
  assert.equal(memory.isDue(7), true, "it has served, so the next one is remembered at once");
});
