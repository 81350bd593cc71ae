// Which requests share an upstream connection, and when that ends: each rule with a scripted upstream, which sees in
// one piece what was written together.
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { afterEach, test } from "node:test";
import { answersNeeded, Batching, depthMax } from "./batching.ts";
import {
  eventually,
  ok,
  type RawClient,
  rawClient,
  type ScriptedUpstream,
  scriptedUpstream,
  type TestedOptions,
  type TestedProxy,
  testedProxy,
} from "./scripted.test.ts";
import type { PooledUpstream } from "./upstream.ts";

const get = (path: string, fields = "") => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n`;

/** What an upstream does with the requests that came in one piece. */
type Serve = (socket: Socket, paths: string[]) => void;

const plainly: Serve = (socket, paths) => socket.write(paths.map((path) => ok(path)).join(""));

interface Stand {
  serve: Serve;
  readonly origin: ScriptedUpstream;
  readonly tested: TestedProxy;
  readonly upstream: PooledUpstream;
  /** The paths of each piece since {@link warm}. */
  pieces(): string[][];
  close(): void;
}

const pathsIn = (received: string) =>
  [...received.matchAll(/^[A-Z]+ (\/\S*) /gm)].map(([, path]) => path ?? "");

/** What a failed test has left open. */
const open = new Set<Stand>();
afterEach(() => {
  for (const made of open) made.close();
});

async function stand(options: TestedOptions = {}): Promise<Stand> {
  const origin = await scriptedUpstream((socket, received) => {
    made.serve(socket, pathsIn(received));
    return true;
  });
  const other = await scriptedUpstream((socket, received) => {
    plainly(socket, pathsIn(received));
    return true;
  });
  const tested = await testedProxy([origin.port, other.port], {
    upstreamBatching: true,
    upstream: { limits: { sharedAnswerMs: 60_000 } }, // a busy machine makes every answer late
    ...options,
  });
  const made: Stand = {
    serve: plainly,
    origin,
    tested,
    upstream: tested.upstreams[0] as PooledUpstream,
    pieces: () => origin.received.map(pathsIn),
    close: () => {
      if (open.delete(made)) for (const each of [tested, origin, other]) each.close();
    },
  };
  open.add(made);
  return made;
}

/** The upstream has shown that it is quick (whatever this machine is busy with); `connections` are open and idle. */
async function warm(made: Stand, connections = 1): Promise<void> {
  showQuick(made);
  const waiting: Socket[] = [];
  made.serve = (socket) => waiting.push(socket);
  const others = Array.from({ length: connections }, () => rawClient(made.tested.port));
  for (const [at, other] of others.entries()) {
    other.socket.write(get("/warm", "Cookie: a=b\r\n"));
    await eventually(() => waiting.length === at + 1);
  }
  for (const socket of waiting) socket.write(ok("/warm"));
  for (const other of others) await other.until((text) => text.endsWith("/warm"));
  for (const other of others) other.socket.destroy();
  await eventually(() => made.tested.proxy.stats.connections === 0);
  made.serve = plainly;
  made.origin.received.length = 0;
  showQuick(made);
}

function showQuick({ upstream }: Stand): void {
  for (let answers = 0; answers < 5_000; answers++) upstream.batching.count(0.1);
}

/**
 * Clients whose requests come in the same turn, for certain: each is given to the accepted socket as if it had been read,
 * since what was sent at the same time may arrive in two turns.
 */
async function together(made: Stand, requests: readonly string[]): Promise<RawClient[]> {
  const before = made.tested.proxy.stats.connectionsTotal;
  const clients = requests.map(() => rawClient(made.tested.port));
  await eventually(() => made.tested.proxy.stats.connectionsTotal === before + requests.length);
  await eventually(() => clients.every(({ socket }) => !socket.connecting));
  for (const [at, client] of clients.entries()) {
    const accepted = made.tested.accepted.find(({ remotePort }) => remotePort === client.socket.localPort);
    accepted?.push(Buffer.from(requests[at] ?? "", "latin1"));
  }
  return clients;
}

const bodies = (clients: readonly RawClient[], ends: readonly string[]) =>
  Promise.all(clients.map((client, at) => client.until((text) => text.endsWith(`\r\n\r\n${ends[at]}`))));

const paths = ["/a", "/b", "/c", "/d", "/e", "/f"];
const gets = paths.map((path) => get(path));

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

const cut: Serve = (socket, asked) => socket.end(asked.length > 1 ? ok(asked[0] ?? "") : "");
for (const [name, serve] of [
  ["a malformed answer at the head", (socket) => socket.write("HTTP/1.1 2OO OK\r\n\r\n")],
  ["a malformed answer behind it", (socket, asked) => socket.write(`${ok(asked[0] ?? "")}garbage\r\n\r\n`)],
  ["a body that HEAD forbids", (socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\nbody\r\n\r\n")],
  ["a close before any answer", (socket) => socket.end()],
  ["a reset", (socket) => socket.resetAndDestroy()],
  ["a close in between", cut],
  ["an answer that says close", (socket, asked) => socket.end(ok(asked[0] ?? "", "Connection: close\r\n"))],
  [
    "an answer that ends with the connection",
    (socket, asked) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${asked[0]}`),
  ],
  [
    "an answer in HTTP/1.0",
    (socket, asked) =>
      socket.write(`HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n${asked[0]}`),
  ],
] as const satisfies readonly (readonly [string, Serve])[]) {
  test(`${name} ends sharing for good, and every request is answered`, async () => {
    const made = await stand();
    await warm(made);
    made.serve = (socket, asked) => (asked.length > 1 ? serve(socket, asked) : plainly(socket, asked));
    const clients = await together(made, gets.slice(0, 3));
    const answered = await Promise.all(
      clients.map((client) => client.until((text) => text.includes("\r\n\r\n"))),
    );
    assert.equal(made.upstream.batching.trusted, false);
    for (const text of answered) assert.match(text, /^HTTP\/1.1 20[04] /);
    await bodies(clients.slice(1), paths.slice(1, 3));
    await bodies(await together(made, gets), paths);
    assert.equal(made.pieces().filter((piece) => piece.length > 1).length, 1, "no second shared write");
    made.close();
  });
}

for (const [name, spoil] of [
  ["a byte on an idle connection", (socket: Socket) => socket.write("x")],
  ["a close of an idle connection", (socket: Socket) => socket.end()],
  ["a reset of an idle connection", (socket: Socket) => socket.resetAndDestroy()],
] as const) {
  test(`${name} ends sharing for good`, async () => {
    const made = await stand();
    await warm(made);
    for (const socket of made.origin.sockets) if (!socket.destroyed) spoil(socket);
    await eventually(() => !made.upstream.batching.trusted);
    await bodies(await together(made, gets), paths);
    assert.equal(Math.max(...made.pieces().map((piece) => piece.length)), 1);
    made.close();
  });
}

test("bytes behind the last answer end sharing, and reach nobody", async () => {
  const made = await stand();
  await warm(made);
  made.serve = (socket, asked) => socket.write(asked.map((path) => ok(path)).join("") + ok("extra"));
  const clients = await together(made, gets.slice(0, 3));
  await bodies(clients, paths);
  assert.equal(made.upstream.batching.trusted, false);
  assert.equal(made.upstream.connections, 0);
  made.close();
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
