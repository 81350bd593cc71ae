// Fields that the proxy adds, rebuilds or removes on the way up and down: X-Forwarded-*, Forwarded, Via,
// X-Request-Id, Date, and our own internal ones (RFC 9110 §7.6, RFC 7239).
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startOrigin } from "../http/origin.ts";
import { type Stand, type StandOptions, withStand } from "../http/stand.ts";
import { type Message, valuesOf } from "../http/strict.ts";
import { get, head } from "../http/vectors/vector.ts";

/** The request as the upstream saw it. */
async function seenWith(options: StandOptions, ...fields: string[]): Promise<Message> {
  let seen: Message | undefined;
  await withStand(options, async (stand) => {
    seen = await ask(stand, get(...fields));
  });
  return seen as Message;
}

async function ask(stand: Stand, bytes: string): Promise<Message> {
  const client = await stand.connect();
  client.send(bytes);
  await client.take(1);
  client.destroy();
  return stand.origin.requests.at(-1) as Message;
}

const values = (request: Message, name: string): string[] => valuesOf(request.fields, name);

describe("X-Forwarded-*", () => {
  it("tell what the socket knows", async () => {
    const seen = await seenWith({});
    assert.deepEqual(values(seen, "x-forwarded-for"), ["127.0.0.1"]);
    assert.deepEqual(values(seen, "x-forwarded-proto"), ["http"]);
    assert.deepEqual(values(seen, "x-forwarded-host"), ["a.example"]);
  });

  const spoofed = [
    "X-Forwarded-For: 10.1.1.1",
    "x-forwarded-for: 10.1.1.2",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Port: 1",
    "X-Real-IP: 10.1.1.3",
    "Forwarded: for=10.1.1.4",
  ];

  it("are not believed from just anybody", async () => {
    const seen = await seenWith({}, ...spoofed);
    assert.deepEqual(values(seen, "x-forwarded-for"), ["127.0.0.1"]);
    assert.deepEqual(values(seen, "x-forwarded-proto"), ["http"]);
    assert.deepEqual(values(seen, "x-forwarded-host"), ["a.example"]);
    assert.doesNotMatch(JSON.stringify(seen.fields), /10\.1\.1|evil/);
  });

  it("are extended, not replaced, when a trusted proxy sent them", async () => {
    const seen = await seenWith(
      { trustedProxies: ["127.0.0.0/8"] },
      "X-Forwarded-For: 10.1.1.1",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: b.example",
    );
    assert.equal(values(seen, "x-forwarded-for").join(", "), "10.1.1.1, 127.0.0.1");
    assert.deepEqual(values(seen, "x-forwarded-proto"), ["https"]);
    assert.deepEqual(values(seen, "x-forwarded-host"), ["b.example"]);
  });

  it("survive a Connection field that names them (CVE-2022-31813)", async () => {
    const seen = await seenWith(
      {},
      "Connection: close, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id, Via",
    );
    for (const name of ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "via"])
      assert.equal(values(seen, name).length, 1, name);
  });

  it("can be left out, and then a client's own do not pass either", async () => {
    const seen = await seenWith({ headers: { xForwarded: false } }, ...spoofed);
    assert.doesNotMatch(JSON.stringify(seen.fields), /10\.1\.1|evil/);
    assert.deepEqual(values(seen, "x-forwarded-for"), []);
  });

  it("keep an absolute target's host", async () => {
    await withStand({}, async (stand) => {
      const seen = await ask(stand, head("GET http://b.example:81/c HTTP/1.1", "Host: a.example"));
      assert.deepEqual(values(seen, "host"), ["b.example:81"]);
      assert.deepEqual(values(seen, "x-forwarded-host"), ["b.example:81"]);
    });
  });
});

describe("Forwarded and Via", () => {
  it("Forwarded is added when asked for, with what the socket knows", async () => {
    const [value = ""] = values(await seenWith({ headers: { forwarded: true } }), "forwarded");
    assert.match(value, /for="?127\.0\.0\.1"?/);
    assert.match(value, /proto=http/);
  });

  it("Via names the received version, and earlier ones are kept in order", async () => {
    assert.match(values(await seenWith({}), "via").join(", "), /^(?:HTTP\/)?1\.1 [^,]+$/);
    assert.match(
      values(await seenWith({}, "Via: 1.0 fred"), "via").join(", "),
      /^1\.0 fred, (?:HTTP\/)?1\.1 [^,]+$/,
    );
  });
});

describe("X-Request-Id", () => {
  it("is made, another for each request", async () => {
    const first = values(await seenWith({}), "x-request-id");
    const second = values(await seenWith({}), "x-request-id");
    assert.equal(first.length, 1);
    assert.notDeepEqual(first, second);
    assert.match(first[0] ?? "", /^[\w-]{8,}$/);
  });

  it("is kept when it is sane", async () =>
    assert.deepEqual(values(await seenWith({}, "X-Request-Id: abc-123"), "x-request-id"), ["abc-123"]));

  for (const [why, ...lines] of [
    ["two of them", "X-Request-Id: a-1", "X-Request-Id: b-2"],
    ["a long one", `X-Request-Id: ${"a".repeat(5_000)}`],
    ["markup", 'X-Request-Id: <script>"'],
    ["an empty one", "X-Request-Id:"],
  ] as const) {
    it(`is made anew for ${why}`, async () => {
      const seen = values(await seenWith({}, ...lines), "x-request-id");
      assert.equal(seen.length, 1);
      assert.match(seen[0] ?? "", /^[\w-]{3,100}$/);
    });
  }
});

describe("our own fields", () => {
  it("reach only a control upstream, and from us alone", async () => {
    const spoof = ["Roundhouse-Peer: 10.1.1.1", "roundhouse-proto: https", "ROUNDHOUSE-X: y"];
    const replica = await seenWith({}, ...spoof);
    assert.doesNotMatch(JSON.stringify(replica.fields), /roundhouse-|10\.1\.1/);
    const control = await seenWith({ kind: "control" }, ...spoof, "X-Forwarded-For: 10.2.2.2");
    assert.deepEqual(values(control, "roundhouse-peer"), ["127.0.0.1"]);
    assert.deepEqual(values(control, "roundhouse-proto"), ["http"]);
    assert.deepEqual(values(control, "roundhouse-x"), []);
    assert.deepEqual(
      values(control, "x-forwarded-for"),
      ["10.2.2.2"],
      "so that it can tell a proxy's request from a local one",
    );
  });
});

describe("answers", () => {
  it("get a Date when they have none, and keep theirs", async () => {
    const theirs = "Sun, 06 Nov 1994 08:49:37 GMT";
    const origin = await startOrigin(({ start }, { socket }) => {
      const date = start.includes("/dated") ? [`Date: ${theirs}`] : [];
      socket.write(head("HTTP/1.1 200 OK", "Content-Length: 0", ...date));
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(head("GET /dated HTTP/1.1", "Host: a") + get());
      const { finals } = await client.take(2);
      assert.deepEqual(
        finals.map(({ fields }) => valuesOf(fields, "date")).map(([date]) => date === theirs),
        [true, false],
      );
      assert.match(
        valuesOf(finals[1]?.fields ?? [], "date")[0] ?? "",
        /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
      );
      client.destroy();
    });
  });

  it("get the routing's cookie beside their own", async () => {
    const origin = await startOrigin(
      (_, { socket }) => void socket.write(head("HTTP/1.1 200 OK", "Set-Cookie: a=1", "Content-Length: 0")),
    );
    const pick: NonNullable<StandOptions["pick"]> = (request, left) => {
      request.setCookie = "route=S1; Path=/";
      return left[0] ?? null;
    };
    await withStand({ origins: [origin], pick }, async (stand) => {
      const client = await stand.connect();
      client.send(get());
      const { finals } = await client.take(1);
      assert.deepEqual(valuesOf(finals[0]?.fields ?? [], "set-cookie").sort(), ["a=1", "route=S1; Path=/"]);
      client.destroy();
    });
  });
});
