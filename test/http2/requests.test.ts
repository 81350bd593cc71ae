// Requests over HTTP/2 (without TLS, by prior knowledge) as they reach an HTTP/1.1 origin, and its answers as they come
// back: fields, trailers, interim answers, failures, retries.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { answerOk, type OriginScript, startOrigin, startRawOrigin } from "../http/origin.ts";
import { type Stand, startStand, withStand } from "../http/stand.ts";
import { until } from "../http/until.ts";
import { head } from "../http/vectors/vector.ts";
import { answerOf, ask, dial } from "./client.ts";
import { asking, errorCode, frameType, headers, preface, rawHttp2 } from "./raw-client.ts";

const answering =
  (...lines: string[]): OriginScript =>
  (_, { socket }) =>
    void socket.write(lines.join("\r\n"), "latin1");

/** One exchange with an origin that gives this answer, byte for byte. */
async function answered(lines: string[], method = "GET") {
  const origin = await startOrigin(answering(...lines));
  const stand = await startStand({ origins: [origin] });
  const session = await dial(`http://127.0.0.1:${stand.port}`);
  try {
    return await ask(session, { ":method": method, ":path": "/" });
  } finally {
    session.destroy();
    await stand.close();
  }
}

describe("requests over HTTP/2", () => {
  let stand: Stand;
  before(async () => {
    stand = await startStand();
  });
  after(() => stand.close());

  const arriving = async (fields: Record<string, string | string[]>, body?: string) => {
    stand.origin.forget();
    const session = await dial(`http://127.0.0.1:${stand.port}`);
    await ask(session, fields, body);
    session.destroy();
    assert.deepEqual(stand.origin.faults, []);
    return stand.origin.requests[0];
  };

  it("a request arrives as HTTP/1.1, with this hop's fields", async () => {
    const request = await arriving({ ":path": "/a%2Fb?x=1", ":authority": "example.org", accept: "*/*" });
    assert.equal(request?.start, "GET /a%2Fb?x=1 HTTP/1.1");
    const fields = Object.fromEntries(request?.fields ?? []);
    assert.equal(fields.host, "example.org");
    assert.equal(fields.accept, "*/*");
    assert.equal(fields["x-forwarded-proto"], "http");
    assert.equal(fields["x-forwarded-host"], "example.org");
    assert.equal(fields.via, "2 roundhouse");
  });

  it("the crumbs of a cookie are one field", async () => {
    const request = await arriving({ ":path": "/", cookie: ["a=1", "b=2", "c=3"] });
    assert.deepEqual(
      request?.fields.filter(([name]) => name === "cookie"),
      [["cookie", "a=1; b=2; c=3"]],
    );
  });

  it("a body with its length, and one without, and none", async () => {
    const sized = await arriving({ ":method": "POST", ":path": "/", "content-length": "5" }, "hello");
    assert.deepEqual([sized?.body, sized?.framing], ["hello", "length"]);
    const unsized = await arriving({ ":method": "POST", ":path": "/" }, "hello");
    assert.deepEqual([unsized?.body, unsized?.framing], ["hello", "chunked"]);
    const none = await arriving({ ":method": "POST", ":path": "/" });
    assert.deepEqual([none?.body, none?.framing], ["", "none"]);
  });

  it("announced trailers arrive, also behind a body that says its length", async () => {
    stand.origin.forget();
    const session = await dial(`http://127.0.0.1:${stand.port}`);
    const fields = { ":method": "POST", ":path": "/", "content-length": "5", trailer: "x-sum" };
    const stream = session.request(fields, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "42" }));
    stream.end("hello");
    await answerOf(stream);
    const [request] = stand.origin.requests;
    assert.equal(request?.body, "hello");
    assert.deepEqual(request?.trailers, [["x-sum", "42"]]);
    session.destroy();
  });

  it("many streams at once are all answered, and counted as requests", async () => {
    const before = stand.proxy.stats.requests;
    const session = await dial(`http://127.0.0.1:${stand.port}`);
    const answers = await Promise.all(
      Array.from({ length: 90 }, (_, i) => ask(session, { ":path": `/${i}` })),
    );
    assert.ok(answers.every(({ status, body }) => status === 200 && body.toString() === "ok"));
    assert.equal(stand.proxy.stats.requests - before, 90);
    session.destroy();
  });

  it("the preface may come in pieces", async () => {
    const client = await rawHttp2(stand.port, preface.subarray(0, 5));
    await until("the first piece to be read", () => stand.proxy.stats.connections > 0);
    client.send(preface.subarray(5, 17));
    client.send(preface.subarray(17), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), headers(1, asking()));
    assert.equal((await client.outcome(1)).kind, "answer");
    client.socket.destroy();
  });

  it("behind an HTTP/1.1 request, or behind an empty line, the preface is no preface", async () => {
    for (const first of ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n"]) {
      const client = await stand.connect();
      client.send(`${first}${preface.toString("latin1")}`);
      await client.untilEnded();
      assert.match(client.received(), /HTTP\/1\.1 505 /);
    }
  });
});

describe("answers over HTTP/2", () => {
  it("hop-by-hop fields stay behind, repeated ones stay repeated", async () => {
    const {
      status,
      headers: fields,
      body,
    } = await answered([
      "HTTP/1.1 200 OK",
      "Connection: keep-alive, X-Hop",
      "Keep-Alive: timeout=5",
      "X-Hop: 1",
      "Set-Cookie: a=1",
      "Set-Cookie: b=2",
      "X-Twice: 1",
      "X-Twice: 2",
      "Content-Length: 2",
      "",
      "hi",
    ]);
    assert.equal(status, 200);
    assert.equal(body.toString(), "hi");
    assert.deepEqual(fields["set-cookie"], ["a=1", "b=2"]);
    assert.equal(fields["x-twice"], "1, 2");
    assert.equal(fields["content-length"], "2");
    for (const name of ["connection", "keep-alive", "x-hop"]) assert.equal(fields[name], undefined);
  });

  it("chunks and trailers", async () => {
    const {
      body,
      trailers,
      headers: fields,
    } = await answered([
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
      "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 42\r\n\r\n",
    ]);
    assert.equal(body.toString(), "abcde");
    assert.equal(trailers["x-sum"], "42");
    assert.equal(fields["transfer-encoding"], undefined);
  });

  it("chunks without trailers, which come later than their head", async () => {
    const origin = await startOrigin((_, { socket }) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
      setImmediate(() => socket.write("2\r\nde\r\n0\r\n\r\n"));
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      assert.equal((await ask(session, { ":path": "/" })).body.toString(), "abcde");
      session.destroy();
    });
  });

  it("HEAD, 204, 205 and 304 have no body", async () => {
    const head_ = await answered(["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], "HEAD");
    assert.deepEqual([head_.status, head_.headers["content-length"], head_.body.length], [200, "5", 0]);
    const none = await answered(["HTTP/1.1 204 No Content\r\n\r\n"]);
    assert.deepEqual([none.status, none.body.length], [204, 0]);
    const reset = await answered(["HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nhi"]);
    assert.deepEqual([reset.status, reset.body.length], [205, 0]);
    const same = await answered(['HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n']);
    assert.deepEqual([same.status, same.headers.etag, same.body.length], [304, '"a"', 0]);
  });

  it("a field that may stand once only, sent twice, does no harm", async () => {
    const { status, headers: fields } = await answered([
      "HTTP/1.1 200 OK",
      "Content-Type: text/plain",
      "Content-Type: text/html",
      "Content-Length: 0\r\n\r\n",
    ]);
    assert.deepEqual([status, fields["content-type"]], [200, "text/plain"]);
  });

  it("interim answers: 103 goes on, 100 only to who waits for it", async () => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    const { interims } = await answered([
      `HTTP/1.1 100 Continue\r\n\r\n${hints}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
    ]);
    assert.deepEqual(interims, [103]);
  });

  it("Expect: 100-continue is answered by the origin", async () => {
    const origin = await startRawOrigin((connection) => {
      connection.socket.on("data", (chunk: Buffer) => {
        connection.pending += chunk.toString("latin1");
        if (connection.pending.endsWith("\r\n\r\n")) connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        else if (connection.pending.endsWith("hello"))
          connection.socket.write(head("HTTP/1.1 200 OK", "Content-Length: 2").concat("ok"));
      });
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      const fields = { ":method": "POST", ":path": "/", expect: "100-continue", "content-length": "5" };
      const stream = session.request(fields);
      stream.on("continue", () => stream.end("hello"));
      assert.equal((await answerOf(stream)).body.toString(), "ok");
      session.destroy();
    });
  });

  it("an early answer: it goes out whole, and the rest of the request is not wanted", async () => {
    const origin = await startRawOrigin(({ socket }) => {
      socket.once(
        "data",
        () => void socket.write(head("HTTP/1.1 403 Forbidden", "Content-Length: 2").concat("no")),
      );
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      const stream = session.request({ ":method": "POST", ":path": "/", "content-length": "1000" });
      stream.write("begun");
      const { status, body } = await answerOf(stream);
      assert.deepEqual([status, body.toString()], [403, "no"]);
      session.destroy();
    });
  });

  it("an early answer in chunks, with trailers", async () => {
    const origin = await startRawOrigin(({ socket }) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n");
        setImmediate(() => socket.write("1\r\n!\r\n0\r\nX-Sum: 3\r\n\r\n"));
      });
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      const stream = session.request({ ":method": "POST", ":path": "/", "content-length": "1000" });
      stream.write("begun");
      const { status, body, trailers } = await answerOf(stream);
      assert.deepEqual([status, body.toString(), trailers["x-sum"]], [403, "no!", "3"]);
      session.destroy();
    });
  });

  it("a status code that HTTP/2 cannot carry is a 502", async () => {
    const { status } = await answered(["HTTP/1.1 799 Odd\r\nContent-Length: 2\r\n\r\nhi"]);
    assert.equal(status, 502);
  });

  it("nobody can serve: 503 in words, with Retry-After", async () => {
    await withStand({ pick: () => null }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      const { status, headers: fields, body } = await ask(session, { ":path": "/" });
      assert.equal(status, 503);
      assert.equal(fields["retry-after"], "1");
      assert.match(body.toString(), /"status":"failure"/);
      session.destroy();
    });
  });
});

describe("failures over HTTP/2", () => {
  it("an origin that dies before its answer: another one is asked", async () => {
    const dying = await startOrigin((_, { socket }) => void socket.destroy());
    await withStand({ origins: [dying, await startOrigin(answerOk)] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      assert.equal((await ask(session, { ":path": "/" })).body.toString(), "ok");
      assert.deepEqual(stand.failures, [{ name: "S1", failure: "reset" }]);
      session.destroy();
    });
  });

  it("a malformed answer, whose beginning was read already, is taken back: 502", async () => {
    const origin = await startOrigin(
      answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    );
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      const { status, body } = await ask(session, { ":method": "POST", ":path": "/" });
      assert.equal(status, 502);
      assert.match(body.toString(), /malformed answer/);
      session.destroy();
    });
  });

  it("an answer that is cut off is a reset stream, never a shorter answer; the others live on", async () => {
    const origin = await startOrigin((request, { socket }) => {
      if (!request.start.startsWith("GET /cut")) return answerOk(request, { socket } as never, 0);
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun");
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      await assert.rejects(ask(session, { ":path": "/cut" }), /INTERNAL_ERROR/);
      assert.equal((await ask(session, { ":path": "/" })).status, 200);
      session.destroy();
    });
  });

  it("nor is one that is cut off where nothing says its length", async () => {
    const origin = await startOrigin((_, { socket }) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n");
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await rawHttp2(stand.port);
      client.send(headers(1, asking()));
      await until("the beginning", () => client.frames.some(({ type }) => type === frameType.data));
      origin.connections[0]?.socket.destroy();
      assert.deepEqual(await client.outcome(1), { kind: "reset", code: errorCode.internal });
      client.socket.destroy();
    });
  });

  it("a client's reset ends the exchange upstream", async () => {
    const origin = await startOrigin(() => {});
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      const stream = session.request({ ":path": "/" });
      stream.on("error", () => {});
      await until("the request to arrive", () => origin.requests.length === 1);
      assert.equal(stand.upstreams[0]?.inFlight, 1);
      stream.close(8);
      await until("the upstream's connection to end", () => origin.connections[0]?.ended === true);
      assert.equal(stand.upstreams[0]?.inFlight, 0);
      assert.equal(stand.proxy.stats.streamsWasted, 1);
      session.destroy();
    });
  });

  it("a client that is gone ends all of its exchanges", async () => {
    const origin = await startOrigin(() => {});
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      for (let i = 0; i < 20; i++) session.request({ ":path": `/${i}` }).on("error", () => {});
      await until("the requests to arrive", () => origin.requests.length === 20);
      session.destroy();
      await until("all to be given up", () => stand.upstreams[0]?.inFlight === 0);
      await until("the connection to be forgotten", () => stand.proxy.stats.connections === 0);
    });
  });
});
