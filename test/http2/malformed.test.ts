// What must not pass from HTTP/2 to HTTP/1.1 (RFC 9113 sections 8.1.1 to 8.3, and "HTTP/2: the sequel is always
// worse"): each request is written by hand, and the origin behind the proxy reads strictly what arrives, if anything.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Stand, startStand } from "../http/stand.ts";
import { asking, data, errorCode, type Field, flag, headers, rawHttp2 } from "./raw-client.ts";

const get = asking();
const without = (name: string) => get.filter(([each]) => each !== name);
const instead = (name: string, value: string) =>
  get.map(([each, was]): Field => [each, each === name ? value : was]);

/** Errors of the stream: it is reset, and nothing reaches the origin. */
const malformed: Record<string, readonly Field[]> = {
  "a name in upper case": [...get, ["X-A", "1"]],
  connection: [...get, ["connection", "close"]],
  "keep-alive": [...get, ["keep-alive", "timeout=5"]],
  "proxy-connection": [...get, ["proxy-connection", "keep-alive"]],
  upgrade: [...get, ["upgrade", "h2c"]],
  "transfer-encoding": [...get, ["transfer-encoding", "chunked"]],
  "http2-settings": [...get, ["http2-settings", "AAMAAABkAAQAAP__"]],
  "te other than trailers": [...get, ["te", "gzip"]],
  "a host that differs from :authority": [...get, ["host", "other.example"]],
  "two hosts": [...get, ["host", "example.org"], ["host", "example.org"]],
  ":method twice": [[":method", "GET"], ...get],
  "a pseudo-header behind a field": [...without(":authority"), ["a", "b"], [":authority", "example.org"]],
  "an unknown pseudo-header": [...get, [":foo", "x"]],
  "an answer's pseudo-header": [...get, [":status", "200"]],
  "extended CONNECT, which is not offered": [...asking("CONNECT"), [":protocol", "websocket"]],
  "no :method": without(":method"),
  "no :scheme": without(":scheme"),
  "no :path": without(":path"),
  "neither :authority nor host": without(":authority"),
  "an empty :path": instead(":path", ""),
  "a :path without its slash": instead(":path", "x"),
  "a :path in absolute form": instead(":path", "http://other.example/"),
  "a :path with a space": instead(":path", "/a b"),
  "a :path with a line end": instead(":path", "/a\r\nx: y"),
  "a :path that brings its own head": instead(":path", "/ HTTP/1.1\r\nHost: a\r\n\r\n"),
  "a :path that is not ASCII": instead(":path", "/\xe9"),
  "`*` with GET": instead(":path", "*"),
  "a :method with a space": instead(":method", "GE T"),
  "a :method with a line end": instead(":method", "GET / HTTP/1.1\r\nX:"),
  "an empty :method": instead(":method", ""),
  "an :authority with a space": instead(":authority", "a b"),
  "an :authority with a line end": instead(":authority", "a\r\nx: y"),
  "an empty :authority and no host": instead(":authority", ""),
  "an unknown :scheme": instead(":scheme", "ftp"),
  "a :scheme with a line end": instead(":scheme", "http\r\n"),
  "a content-length without its body": [...get, ["content-length", "5"]],
  "a content-length with a sign": [...get, ["content-length", "+0"]],
  "two content-lengths": [...get, ["content-length", "0"], ["content-length", "0"]],
  "a content-length that is a list": [...get, ["content-length", "0, 0"]],
};

/** Well-formed HTTP/2 that our rules refuse, in words. */
const refusals: Record<string, readonly [status: number, fields: readonly Field[]]> = {
  CONNECT: [
    405,
    [
      [":method", "CONNECT"],
      [":authority", "example.org:443"],
    ],
  ],
  "a fragment in the target": [400, instead(":path", "/#a")],
  "a port that is none": [400, instead(":authority", "example.org:http")],
  "more fields than are accepted": [
    431,
    [...get, ...Array.from({ length: 101 }, (_, i): Field => [`x-${i}`, "1"])],
  ],
  "a head that is too long": [431, [...get, ["x-a", "a".repeat(16 * 1024)]]],
  "an expectation that nobody knows": [417, [...get, ["expect", "200-ok"]]],
};

/**
 * What nghttp2 leaves out, and Node offers no way to learn of: the request goes on, and no trace of the field with it.
 */
const leftOut: Record<string, Field> = {
  "a colon in a name": ["a:b", "trace"],
  "a space in a name": ["a b", "trace"],
  "an empty name": ["", "trace"],
  "a line end in a name": ["a\r\nx-trace: y", "trace"],
  "a line end in a value": ["a", "1\r\nx-trace: y"],
  "a bare LF in a value": ["a", "1\nx-trace: y"],
  "a bare CR in a value": ["a", "1\rx-trace: y"],
  "NUL in a value": ["a", "trace\0"],
  "a second request in a value": ["a", "1\r\n\r\nGET /trace HTTP/1.1\r\nHost: a\r\n\r\n"],
};

describe("HTTP/2 that must not become HTTP/1.1", () => {
  let stand: Stand;
  before(async () => {
    stand = await startStand();
  });
  after(() => stand.close());

  for (const [name, fields] of Object.entries(malformed)) {
    it(`${name}: a stream error`, async () => {
      stand.origin.forget();
      const client = await rawHttp2(stand.port);
      client.send(headers(1, fields));
      assert.deepEqual(await client.outcome(1), { kind: "reset", code: errorCode.protocol });
      client.send(headers(3, get));
      assert.equal((await client.outcome(3)).kind, "answer", "the connection lives on");
      assert.equal(stand.origin.requests.length, 1, "only the good request has arrived");
      assert.deepEqual(stand.origin.faults, []);
      client.socket.destroy();
    });
  }

  for (const [name, [status, fields]] of Object.entries(refusals)) {
    it(`${name}: ${status}`, async () => {
      stand.origin.forget();
      const client = await rawHttp2(stand.port);
      client.send(headers(1, fields));
      const outcome = await client.outcome(1);
      assert.equal(outcome.kind === "answer" && outcome.status, status);
      assert.match(
        outcome.kind === "answer" ? outcome.body : "",
        /^\{"message":"<Error> .+","status":"failure"\}$/,
      );
      assert.equal(stand.origin.bytesReceived(), 0);
      client.socket.destroy();
    });
  }

  for (const [name, field] of Object.entries(leftOut)) {
    it(`${name}: the field is left out`, async () => {
      stand.origin.forget();
      const client = await rawHttp2(stand.port);
      client.send(headers(1, [...get, field]));
      assert.equal((await client.outcome(1)).kind, "answer");
      assert.equal(stand.origin.requests.length, 1);
      assert.deepEqual(stand.origin.faults, []);
      const names = stand.origin.requests[0]?.fields.map(([each]) => each);
      const own = ["x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via"];
      assert.deepEqual(names, ["host", ...own]);
      client.socket.destroy();
    });
  }

  for (const [name, parts] of Object.entries({
    "less DATA than content-length": [data(1, "abc")],
    "more DATA than content-length": [data(1, "abcdef")],
    "more DATA than content-length, in two frames": [data(1, "abcd", false), data(1, "ef")],
  })) {
    it(`${name}: the origin never has a whole request`, async () => {
      stand.origin.forget();
      const client = await rawHttp2(stand.port);
      client.send(headers(1, [...asking("POST"), ["content-length", "5"]], flag.endHeaders), ...parts);
      assert.notEqual((await client.outcome(1)).kind, "answer"); // newer Nodes give up the connection
      assert.deepEqual(stand.origin.requests, []);
      assert.deepEqual(stand.origin.faults, []);
      client.socket.destroy();
    });
  }

  it("user information in :authority never arrives", async () => {
    stand.origin.forget();
    const client = await rawHttp2(stand.port);
    client.send(headers(1, instead(":authority", "user@example.org")));
    const outcome = await client.outcome(1);
    assert.ok(outcome.kind === "reset" || (outcome.kind === "answer" && outcome.status === 400));
    assert.equal(stand.origin.bytesReceived(), 0);
    client.socket.destroy();
  });

  it("trailers cannot bring framing, nor what is said in a header", async () => {
    stand.origin.forget();
    const client = await rawHttp2(stand.port);
    const trailers: Field[] = [
      ["content-length", "3"],
      ["authorization", "x"],
      ["x-forwarded-for", "1.2.3.4"],
      ["x-sum", "7"],
    ];
    client.send(headers(1, asking("POST"), flag.endHeaders), data(1, "abc", false), headers(1, trailers));
    assert.equal((await client.outcome(1)).kind, "answer");
    const [request] = stand.origin.requests;
    assert.equal(request?.body, "abc");
    assert.deepEqual(request?.trailers, [["x-sum", "7"]]);
    client.socket.destroy();
  });

  it("a client's own roundhouse- and X-Forwarded- fields are not believed", async () => {
    stand.origin.forget();
    const client = await rawHttp2(stand.port);
    client.send(headers(1, [...get, ["roundhouse-peer", "9.9.9.9"], ["x-forwarded-for", "9.9.9.9"]]));
    assert.equal((await client.outcome(1)).kind, "answer");
    const fields = stand.origin.requests[0]?.fields ?? [];
    assert.ok(!fields.some(([, value]) => value === "9.9.9.9"));
    client.socket.destroy();
  });
});
