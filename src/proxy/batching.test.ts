// Which requests share an upstream connection, and how each gets its own answer.
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { answersNeeded, Batching, depthMax } from "./batching.ts";
import { bodies, gets, paths, plainly, stand, together, warm } from "./batching-stand.test.ts";
import { eventually, get, ok, rawClient } from "./scripted.test.ts";

test("requests of one turn share a connection that has served before, four at most", async () => {
  const made = await stand();
  await warm(made, 2);
  const clients = await together(made, gets);
  await bodies(clients, paths);
  assert.deepEqual(
    made.pieces().map((piece) => piece.length),
    [depthMax, 2],
  );
  assert.equal(made.upstream.inFlight, 0);
  assert.equal(made.upstream.connections, 2);
  made.close();
});

test("a connection's first exchange is never shared", async () => {
  // Six requests of one turn: a busy machine may spread them over several, and then there is nothing to see.
  let pieces: number[] = [];
  for (let attempt = 0; attempt < 5 && pieces.length !== 3; attempt++) {
    const made = await stand();
    await warm(made, 1);
    await bodies(await together(made, gets), paths);
    pieces = made.pieces().map((piece) => piece.length);
    made.close();
  }
  assert.deepEqual(pieces.sort(), [1, 1, 4]);
});

test("without the option nothing is shared", async () => {
  const made = await stand({ upstreamBatching: false });
  await warm(made, 2);
  await bodies(await together(made, gets), paths);
  assert.equal(Math.max(...made.pieces().map((piece) => piece.length)), 1);
  made.close();
});

for (const [name, request] of [
  ["POST", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"],
  ["OPTIONS", "OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a body", get("/a", "Content-Length: 2\r\n").concat("hi")],
  ["Cookie", get("/a", "cookie: a=b\r\n")],
  ["Authorization", get("/a", "Authorization: Basic eDp5\r\n")],
  ["Range", get("/a", "Range: bytes=0-1\r\n")],
  ["an event stream", get("/a", "Accept: */*, Text/Event-Stream\r\n")],
  ["Upgrade", get("/a", "Connection: upgrade\r\nUpgrade: h2c\r\n")],
  ["Expect", get("/a", "Expect: 100-continue\r\n")],
] as const) {
  test(`requests with ${name} are never shared`, async () => {
    const made = await stand();
    await warm(made, 3);
    const clients = await together(made, [get("/b"), request, request, request]);
    await bodies(clients, ["/b", "/a", "/a", "/a"]);
    assert.deepEqual(
      made.pieces().map((piece) => piece.length),
      [1, 1, 1, 1],
    );
    made.close();
  });
}

test("each answer is read by its own request's method", async () => {
  const made = await stand();
  await warm(made);
  made.serve = (socket, asked) => {
    assert.deepEqual(asked, ["/a", "/b", "/c"]);
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${ok("/b")}HTTP/1.1 304 Not Modified\r\n\r\n`,
    );
  };
  const clients = await together(made, [get("/a").replace("GET", "HEAD"), get("/b"), get("/c")]);
  const [head, , notModified] = await Promise.all([
    clients[0]?.until((text) => text.endsWith("\r\n\r\n")),
    clients[1]?.until((text) => text.endsWith("\r\n\r\n/b")),
    clients[2]?.until((text) => text.endsWith("\r\n\r\n")),
  ]);
  assert.match(head ?? "", /^HTTP\/1.1 200 OK\r\nContent-Length: 1000\r\n/);
  assert.match(notModified ?? "", /^HTTP\/1.1 304 Not Modified\r\n/);
  assert.equal(made.upstream.connections, 1);
  assert.ok(made.upstream.batching.trusted);
  made.close();
});

test("who waits behind a silent answer is served elsewhere once, and late bytes reach nobody", async () => {
  const made = await stand({ upstream: {} });
  await warm(made);
  const slow: { socket: Socket | null } = { socket: null };
  made.serve = (socket, asked) => {
    if (asked[0] === "/a") slow.socket = socket;
    else plainly(socket, asked);
  };
  const clients = await together(made, gets.slice(0, 3));
  await bodies(clients.slice(1), ["/b", "/c"]);
  assert.equal(clients[0]?.text(), "");
  assert.deepEqual(made.pieces().slice(0, 1), [["/a", "/b", "/c"]]);
  assert.deepEqual(made.pieces().slice(1).sort(), [["/b"], ["/c"]]);
  const retired = new Promise((resolve) => slow.socket?.on("close", resolve));
  slow.socket?.write(ok("/a") + ok("late") + ok("later"));
  await bodies(clients.slice(0, 1), ["/a"]);
  await retired;
  for (const client of clients) assert.doesNotMatch(client.text(), /late/);
  assert.ok(made.upstream.batching.trusted, "slowness is no fault");
  assert.deepEqual(made.tested.failures, []);
  assert.equal(made.upstream.inFlight, 0);
  made.close();
});

test("a client that leaves takes nobody along", async () => {
  for (const leaving of [0, 1, 2]) {
    const made = await stand();
    await warm(made);
    const first: { socket: Socket | null } = { socket: null };
    made.serve = (socket, asked) => {
      if (asked.length > 1) first.socket = socket;
      else plainly(socket, asked);
    };
    const clients = await together(made, gets.slice(0, 3));
    await eventually(() => first.socket !== null);
    clients[leaving]?.socket.resetAndDestroy();
    await eventually(() => made.tested.proxy.stats.connections === 2);
    first.socket?.write(ok("/a") + ok("/b") + ok("/c"));
    const left = clients.filter((_, at) => at !== leaving);
    await bodies(
      left,
      paths.slice(0, 3).filter((_, at) => at !== leaving),
    );
    assert.equal(made.upstream.inFlight, 0);
    assert.ok(made.upstream.batching.trusted);
    made.close();
  }
});

test("our own control API never shares", async () => {
  const made = await stand({ upstream: { kind: "control" } });
  await warm(made, 2);
  await bodies(await together(made, gets), paths);
  assert.equal(Math.max(...made.pieces().map((piece) => piece.length)), 1);
  made.close();
});

test("what our own turns take does not count against an upstream", async () => {
  const busyMs = 40;
  const made = await stand({
    onPick: () => {
      for (const untilMs = performance.now() + busyMs; performance.now() < untilMs; );
    },
  });
  await warm(made, 1);
  const tookMs: number[] = [];
  made.upstream.batching.count = (ms) => tookMs.push(ms);
  const client = rawClient(made.tested.port);
  for (let nth = 1; nth <= 11; nth++) {
    client.socket.write(get("/a"));
    await client.until((text) => text.split(/\/a$|\/aHTTP/).length > nth);
  }
  tookMs.sort((a, b) => a - b);
  assert.equal(tookMs.length, 11);
  assert.ok(
    (tookMs[5] ?? busyMs) < busyMs / 2,
    `${tookMs.map((ms) => ms.toFixed(1))} ms, of turns that took ${busyMs} ms`,
  );
  assert.ok((tookMs[0] ?? -1) >= 0);
  client.socket.destroy();
  made.close();
});

test("whether an upstream's connections are shared can be told, and why not", () => {
  const batching = new Batching({ limits: { sharedAnswerMs: 5 }, take: () => null, takeIdle: () => null });
  assert.equal(batching.sharing, "new");
  for (let answers = 0; answers < answersNeeded; answers++) batching.count(0.5);
  assert.equal(batching.sharing, "shared");
  for (let answers = 0; answers < 100; answers++) batching.count(9);
  assert.equal(batching.sharing, "slow");
  batching.trusted = false;
  assert.equal(batching.sharing, "distrusted");
});

test("only an upstream whose p99 is at most 2 ms may be sent several requests at once", () => {
  const batching = new Batching({ limits: { sharedAnswerMs: 5 }, take: () => null, takeIdle: () => null });
  for (let answers = 0; answers < answersNeeded; answers++) {
    assert.equal(batching.allowed, false, "too little is known");
    batching.count(0.5);
  }
  assert.equal(batching.allowed, true);
  for (let answers = 0; answers < 10_000; answers++) batching.count(answers % 150 === 0 ? 9 : 0.5);
  assert.equal(batching.allowed, true, "0.7 % are slow");
  for (let answers = 0; answers < 10_000; answers++) batching.count(answers % 50 === 0 ? 9 : 0.5);
  assert.equal(batching.allowed, false, "2 % are slow");
  for (let answers = 0; answers < 2_000; answers++) batching.count(1.9);
  assert.equal(batching.allowed, true, "it has become quick again");
});
