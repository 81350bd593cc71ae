// The semantics of one exchange: what reaches the upstream, what reaches the client, and how faults end.
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { answering, ask, eventually, ok, rawClient, scriptedUpstream, testedProxy } from "./scripted.test.ts";

const get = (path = "/", fields = "") => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n`;
const getClose = (path = "/") => get(path, "Connection: close\r\n");

test("forwards a request with this hop's fields removed and ours added", async () => {
  const upstream = await scriptedUpstream(
    answering(ok("hello", "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nX-A: 1\r\n")),
  );
  const tested = await testedProxy([upstream.port]);
  const answer = await ask(
    tested.port,
    get(
      "/a%2Fb?x=1",
      "Connection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-Keep: 2\r\nX-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\nRoundhouse-Peer: 1.1.1.1\r\nX_Y: 1\r\n",
    ),
  );
  assert.match(
    answer,
    /^HTTP\/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nDate: [^\r]+\r\nConnection: close\r\n\r\nhello$/,
  );
  assert.match(
    upstream.received[0] ?? "",
    /^GET \/a%2Fb\?x=1 HTTP\/1.1\r\nHost: a.example\r\nX-Keep: 2\r\nX-Request-Id: [0-9a-f]{16}-\w+\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\nVia: 1.1 roundhouse\r\n\r\n$/,
  );
  tested.close();
  upstream.close();
});

test("serves pipelined requests in order on one connection", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    const path = received.split(" ")[1] ?? "";
    setTimeout(() => socket.write(ok(path)), path === "/1" ? 20 : 0);
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const answer = await ask(tested.port, get("/1") + get("/2") + getClose("/3"));
  assert.deepEqual(
    [...answer.matchAll(/\r\n\r\n(\/\d)/g)].map((match) => match[1]),
    ["/1", "/2", "/3"],
  );
  assert.equal(tested.upstreams[0]?.stats.answersByCode[100], 3);
  tested.close();
  upstream.close();
});

test("a body comes through in both framings, split at any byte", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    if (!received.endsWith("0\r\n\r\n") && !received.endsWith("hello")) return false;
    socket.write(ok(String(received.length)));
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const length = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
  const chunked =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
  for (const request of [length, chunked]) {
    for (let at = 1; at < request.length; at += 3) {
      const client = rawClient(tested.port, request.slice(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(request.slice(at), "latin1");
      await client.until((text) => text.includes("\r\n\r\n"));
      client.socket.destroy();
    }
  }
  const bodies = upstream.received.map((text) => text.slice(text.indexOf("\r\n\r\n") + 4));
  for (const body of bodies) {
    assert.equal(body.replace(/(^|\r\n)[0-9a-f]+\r\n/g, "").replace(/\r\n$/, ""), "hello");
  }
  tested.close();
  upstream.close();
});

test("of an answer whose trailer is malformed nothing leaves, and the request goes elsewhere", async () => {
  const chunk = `2000\r\n${"x".repeat(8192)}\r\n`;
  for (const chunks of [chunk, `${chunk}1\r\nx\r\n`]) {
    const broken = await scriptedUpstream(
      answering(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\nA B: c\r\n\r\n`),
    );
    const sound = await scriptedUpstream(answering(ok("hello")));
    const tested = await testedProxy([broken.port, sound.port]);
    assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 200 OK\r\nContent-Length: 5\r\n[^x]*hello$/);
    tested.close();
    broken.close();
    sound.close();
  }
});

test("a chunked answer is chunked anew with its trailer, and plain for HTTP/1.0", async () => {
  const upstream = await scriptedUpstream(
    answering(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;e=1\r\nhello\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n",
    ),
  );
  const tested = await testedProxy([upstream.port]);
  const modern = await ask(tested.port, getClose());
  assert.match(
    modern,
    /Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n$/,
  );
  const old = await ask(tested.port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assert.match(old, /Connection: close\r\n\r\nhello$/);
  assert.doesNotMatch(old, /Transfer-Encoding/);
  tested.close();
  upstream.close();
});

test("an answer without a length ends with the upstream's connection, and is chunked for HTTP/1.1", async () => {
  const upstream = await scriptedUpstream((socket) => {
    socket.end("HTTP/1.1 200 OK\r\n\r\nhello");
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  assert.match(await client.until((text) => text.endsWith("0\r\n\r\n")), /\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/);
  client.socket.destroy();
  tested.close();
  upstream.close();
});

test("HEAD, 204 and 304 have no body, whatever their fields say", async () => {
  const answers: Record<string, string> = {
    "/head": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "/204": "HTTP/1.1 204 No Content\r\n\r\n",
    "/304": "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
  };
  const upstream = await scriptedUpstream((socket, received) =>
    socket.write(answers[received.split(" ")[1] ?? ""] ?? ""),
  );
  const tested = await testedProxy([upstream.port]);
  const answer = await ask(tested.port, get("/head").replace("GET", "HEAD") + get("/204") + getClose("/304"));
  assert.match(
    answer,
    /^HTTP\/1.1 200 OK\r\nContent-Length: 1000\r\nDate: [^\r]+\r\n\r\nHTTP\/1.1 204 No Content\r\nDate: [^\r]+\r\n\r\nHTTP\/1.1 304 Not Modified\r\nContent-Length: 7\r\n/,
  );
  assert.equal(upstream.sockets.length, 1);
  tested.close();
  upstream.close();
});

test("interim answers go on, and a client that waits gets its 100", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    if (!received.includes("body")) {
      if (received.includes("Expect"))
        socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
      return false;
    }
    return socket.write(ok("done"));
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(
    tested.port,
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
  );
  await client.until((text) => text.includes("HTTP/1.1 100 Continue\r\n\r\n"));
  client.socket.write("body");
  assert.match(
    await client.until((text) => text.endsWith("done")),
    /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1.1 100/,
  );
  client.socket.destroy();
  tested.close();
  upstream.close();
});

test("an idempotent request whose upstream dies goes to the next; a POST gets 502", async () => {
  const dying = await scriptedUpstream((socket) => {
    socket.destroy();
    return true;
  });
  const healthy = await scriptedUpstream(answering(ok("second")));
  const tested = await testedProxy([dying.port, healthy.port]);
  assert.match(await ask(tested.port, getClose()), /second$/);
  assert.equal(tested.upstreams[0]?.stats.redispatched, 1);
  assert.match(
    await ask(tested.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"),
    /^HTTP\/1.1 502 /,
  );
  assert.equal(healthy.received.length, 1);
  assert.deepEqual(
    tested.failures.map((each) => each.failure),
    ["reset", "reset"],
  );
  assert.equal(
    tested.upstreams.reduce((sum, each) => sum + each.inFlight, 0),
    0,
  );
  for (const each of [dying, healthy, tested]) each.close();
});

test("an answer cut short is asked for again when it is small, and cut for the client when it is large", async () => {
  const cutting = (bytes: number) => (socket: import("node:net").Socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${"x".repeat(bytes - 1)}`, () =>
      socket.destroy(),
    );
    return true;
  };
  const small = await scriptedUpstream(cutting(1000));
  const large = await scriptedUpstream(cutting(100_000));
  const healthy = await scriptedUpstream(answering(ok("second")));
  const first = await testedProxy([small.port, healthy.port]);
  assert.match(await ask(first.port, getClose()), /second$/);
  const second = await testedProxy([large.port, healthy.port]);
  const client = rawClient(second.port, get());
  assert.match(await client.closed(), /Content-Length: 100000/);
  assert.equal(second.upstreams[0]?.stats.truncated, 1);
  for (const each of [small, large, healthy, first, second]) each.close();
});

test("a POST to an upstream that refuses the connection goes to the next with its body", async () => {
  const refusing = await scriptedUpstream(() => true);
  refusing.close();
  const healthy = await scriptedUpstream(
    (socket, received) => received.endsWith("body") && socket.write(ok("second")),
  );
  const tested = await testedProxy([refusing.port, healthy.port]);
  const answer = await ask(
    tested.port,
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
  );
  assert.match(answer, /second$/);
  assert.deepEqual(tested.failures, [{ upstream: "S1", failure: "refused" }]);
  for (const each of [healthy, tested]) each.close();
});

test("nobody to ask: 503 with Retry-After, and the connection serves on", async () => {
  const tested = await testedProxy([]);
  const answer = await ask(tested.port, get() + getClose());
  assert.equal(
    [...answer.matchAll(/HTTP\/1.1 503 Service Unavailable\r\n[^{]*Retry-After: 7\r\n/g)].length,
    2,
  );
  assert.equal(tested.proxy.stats.ownAnswers.get(503), 2);
  tested.close();
});

test("destroying an upstream fails its exchanges over at once", async () => {
  const hanging = await scriptedUpstream(() => true);
  const healthy = await scriptedUpstream(answering(ok("second")));
  const tested = await testedProxy([hanging.port, healthy.port]);
  const answer = ask(tested.port, getClose());
  await eventually(() => hanging.received.length === 1);
  tested.upstreams[0]?.destroy();
  assert.match(await answer, /second$/);
  for (const each of [hanging, healthy, tested]) each.close();
});

test("a malformed answer is never forwarded", async () => {
  const bad = [
    "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/2 200\r\n\r\n",
    "garbage that is no answer\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  ];
  for (const answer of bad) {
    const upstream = await scriptedUpstream(answering(answer));
    const tested = await testedProxy([upstream.port]);
    assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 502 Bad Gateway\r\n/, answer);
    assert.equal(tested.failures[0]?.failure, "protocol");
    tested.close();
    upstream.close();
  }
});

test("an upstream connection with unsolicited bytes is not used again", async () => {
  const upstream = await scriptedUpstream(
    answering(`${ok("hello")}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`),
  );
  const tested = await testedProxy([upstream.port]);
  const answer = await ask(tested.port, get("/1") + get("/2") + getClose("/3"));
  assert.doesNotMatch(answer, /evil/);
  assert.equal(upstream.sockets.length, 3);
  tested.close();
  upstream.close();
});

test("an early answer goes through, and neither connection is used again", async () => {
  const upstream = await scriptedUpstream(
    answering("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"),
  );
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nxx");
  assert.match(await client.closed(), /^HTTP\/1.1 413 /);
  await eventually(() => tested.upstreams[0]?.connections === 0);
  tested.close();
  upstream.close();
});

test("a WebSocket's bytes pass both ways after a real 101, and not before", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    if (received.startsWith("GET")) {
      assert.match(received, /Connection: Upgrade\r\nUpgrade: websocket\r\n/);
      assert.ok(!received.includes("early"));
      return socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\nwelcome",
      );
    }
    return false;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, `${get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n")}early`);
  await client.until((text) => text.endsWith("welcome"));
  let echoed = "";
  upstream.sockets[0]?.on("data", (chunk) => {
    echoed += chunk;
  });
  client.socket.write(" bytes");
  await eventually(() => echoed.endsWith(" bytes"));
  assert.equal(tested.upstreams[0]?.inFlight, 1);
  client.socket.destroy();
  await eventually(() => tested.upstreams[0]?.inFlight === 0);
  for (const each of [tested, upstream]) each.close();
});

test("other upgrades are dropped", async () => {
  const upstream = await scriptedUpstream(answering(ok("plain")));
  const tested = await testedProxy([upstream.port]);
  await ask(
    tested.port,
    get("/", "Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
  );
  assert.doesNotMatch(upstream.received[0] ?? "", /upgrade|h2c|settings/i);
  for (const each of [tested, upstream]) each.close();
});

test("a control upstream learns the peer and sees the client's own Forwarded", async () => {
  const upstream = await scriptedUpstream(answering(ok("control")));
  const tested = await testedProxy([upstream.port], { upstream: { kind: "control" } });
  await ask(
    tested.port,
    get("/rep", "Connection: close, X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4\r\nVia: 1.1 x\r\n"),
  );
  const received = upstream.received[0] ?? "";
  assert.match(
    received,
    /X-Forwarded-For: 1.2.3.4\r\nVia: 1.1 x\r\nX-Request-Id: [^\r]+\r\nroundhouse-peer: 127.0.0.1\r\nroundhouse-proto: http\r\n\r\n$/,
  );
  for (const each of [tested, upstream]) each.close();
});

test("a trusted peer's X-Forwarded-For is extended", async () => {
  const upstream = await scriptedUpstream(answering(ok("x")));
  const tested = await testedProxy([upstream.port], {
    trustedProxies: ["127.0.0.0/8"],
    headers: { forwarded: true },
  });
  await ask(
    tested.port,
    get(
      "/",
      "Connection: close\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Request-Id: abc-1\r\n",
    ),
  );
  const received = upstream.received[0] ?? "";
  assert.match(
    received,
    /X-Forwarded-Proto: https\r\nX-Request-Id: abc-1\r\nX-Forwarded-For: 1.2.3.4, 127.0.0.1\r\nX-Forwarded-Host: a.example\r\nForwarded: for=127.0.0.1;proto=http;host="a.example"\r\n/,
  );
  for (const each of [tested, upstream]) each.close();
});

test("half-closed clients get their answer; a cut body is refused", async () => {
  const upstream = await scriptedUpstream((socket) => {
    setTimeout(() => socket.write(ok("late")), 10);
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  client.socket.end();
  assert.match(await client.closed(), /late$/);
  const cut = rawClient(tested.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  cut.socket.end();
  assert.match(await cut.closed(), /^HTTP\/1.1 400 /);
  for (const each of [tested, upstream]) each.close();
});

test("a slow reader and a fast upstream: bounded, complete, in order", async () => {
  const size = 8 * 1024 * 1024;
  const upstream = await scriptedUpstream((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    return socket.write(Buffer.alloc(size, "abcdefgh")) || true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, getClose());
  client.socket.pause();
  await new Promise((resolve) => setTimeout(resolve, 100));
  client.socket.resume();
  const text = await client.closed();
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  assert.equal(body.length, size);
  assert.ok(body === "abcdefgh".repeat(size / 8));
  for (const each of [tested, upstream]) each.close();
});

test("deadlines: 408 for a head, 504 for an answer, 408 for a body; silence is reported", async () => {
  const upstream = await scriptedUpstream(() => true);
  const limits = { headDeadlineMs: 200, responseDeadlineMs: 600, requestIdleMs: 200 };
  const tested = await testedProxy([upstream.port], { limits });
  const head = ask(tested.port, "GET / HT");
  const answer = ask(tested.port, getClose());
  const body = ask(tested.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  assert.match(await head, /^HTTP\/1.1 408 /);
  assert.match(await answer, /^HTTP\/1.1 504 /);
  assert.match(await body, /^HTTP\/1.1 408 /);
  assert.ok(tested.silences.length >= 1);
  for (const each of [tested, upstream]) each.close();
});

test("the control API has no answer deadline: a change may take as long as its replicas take to start", async () => {
  const asked: Socket[] = [];
  const upstream = await scriptedUpstream((socket) => asked.push(socket) > 0);
  const limits = { responseDeadlineMs: 100 };
  const control = await testedProxy([upstream.port], { limits, upstream: { kind: "control" } });
  const replica = await testedProxy([upstream.port], { limits });
  const change = ask(control.port, getClose());
  await eventually(() => asked.length === 1);
  assert.match(await ask(replica.port, getClose()), /^HTTP\/1.1 504 /); // as long as the deadline has passed
  asked[0]?.write(ok("changed"));
  assert.match(await change, /^HTTP\/1.1 200 /);
  for (const each of [control, replica, upstream]) each.close();
});

test("drain answers what is under way, closes what is idle, and ends", async () => {
  const upstream = await scriptedUpstream((socket) => {
    setTimeout(() => socket.write(ok("last")), 50);
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const idle = rawClient(tested.port);
  const busy = rawClient(tested.port, get());
  await eventually(() => upstream.received.length === 1);
  await tested.proxy.drain(5_000);
  assert.equal(await idle.closed(), "");
  assert.match(await busy.closed(), /Connection: close\r\n\r\nlast$/);
  for (const each of [tested, upstream]) each.close();
});

test("pipelined bodies, each longer than what is kept for a second try, arrive whole one after another", async () => {
  const bytes = 70_000;
  const upstream = await scriptedUpstream((socket, received) => {
    const body = received.slice(received.indexOf("\r\n\r\n") + 4);
    if (received.startsWith("POST") && body.length < bytes) return false;
    if (received.includes("chunked") && !body.endsWith("\r\n0\r\n\r\n")) return false;
    return socket.write(ok(String(received.startsWith("GET"))));
  });
  const tested = await testedProxy([upstream.port]);
  const body = "x".repeat(bytes);
  const one = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n${body}`;
  const other = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const answer = await ask(tested.port, one + other + one + other + getClose());
  assert.equal([...answer.matchAll(/HTTP\/1.1 200 OK/g)].length, 5);
  assert.equal(upstream.received.length, 5);
  for (const each of [tested, upstream]) each.close();
});

test("a client that leaves an event stream is believed at once", async () => {
  const upstream = await scriptedUpstream(
    answering(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n",
    ),
  );
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  await client.until((text) => text.includes("data: "));
  client.socket.destroy();
  await eventually(() => tested.upstreams[0]?.connections === 0);
  for (const each of [tested, upstream]) each.close();
});

test("the observer hears of bad answers, and of everything while an upstream is watched", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    socket.write(received.startsWith("GET /bad ") ? unavailable : ok("hello"));
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  await ask(tested.port, get("/good") + getClose("/bad"));
  assert.deepEqual(tested.noted, ["S1 503"]);
  const [first] = tested.upstreams;
  assert.ok(first);
  first.watched = true;
  await ask(tested.port, getClose("/good"));
  assert.deepEqual(tested.noted, ["S1 503", "S1 asked", "S1 200"]);
  tested.close();
  upstream.close();
});

const unavailable = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
