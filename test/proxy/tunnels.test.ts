// WebSocket tunnels (RFC 6455, RFC 9110 §7.8): only after a real 101, bytes in both directions, and no way to use a
// refused or forged upgrade to get past the proxy.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { type Origin, startOrigin, startRawOrigin } from "../http/origin.ts";
import { withStand } from "../http/stand.ts";
import { statusOf, valuesOf } from "../http/strict.ts";
import { until } from "../http/until.ts";
import { get, head, smuggled } from "../http/vectors/vector.ts";

const key = "dGhlIHNhbXBsZSBub25jZQ==";
const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
const upgrade = get(
  "Connection: Upgrade",
  "Upgrade: websocket",
  `Sec-WebSocket-Key: ${key}`,
  "Sec-WebSocket-Version: 13",
);
const switched = head(
  "HTTP/1.1 101 Switching Protocols",
  "Upgrade: websocket",
  "Connection: Upgrade",
  `Sec-WebSocket-Accept: ${accept}`,
);

/** Answers the upgrade with `answer` and then echoes whatever comes. */
function echo(answer: string, delayMs = 0): Promise<Origin> {
  return startRawOrigin((connection) => {
    let upgraded = false;
    connection.socket.on("data", (chunk: Buffer) => {
      if (upgraded) return void connection.socket.write(chunk);
      connection.pending += chunk.toString("latin1");
      const end = connection.pending.indexOf("\r\n\r\n");
      if (end < 0) return;
      upgraded = true;
      const early = connection.pending.slice(end + 4);
      setTimeout(() => connection.socket.write(Buffer.from(answer + early, "latin1")), delayMs);
    });
  });
}

/** A masked text frame, as clients send them. */
function frame(text: string): string {
  const mask = randomBytes(4);
  const payload = Buffer.from(text).map((byte, i) => byte ^ (mask[i % 4] as number));
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length]), mask, payload]).toString("latin1");
}

/** Accepts the upgrade and reads no more. */
const deaf = (): Promise<Origin> =>
  startRawOrigin(({ socket }) => socket.once("data", () => socket.pause().write(switched)));

describe("a WebSocket", () => {
  it("echoes frames both ways and ends with either side", async () => {
    const origin = await echo(switched);
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(upgrade);
      await until("the 101", () => client.received().includes("\r\n\r\n"));
      const [answer] = client.answers().interims;
      assert.equal(statusOf(answer as never), 101);
      assert.deepEqual(valuesOf(answer?.fields ?? [], "sec-websocket-accept"), [accept]);
      assert.deepEqual(valuesOf(answer?.fields ?? [], "upgrade"), ["websocket"]);
      const headEnd = client.received().indexOf("\r\n\r\n") + 4;
      for (const text of ["hello", "GET / HTTP/1.1\r\n\r\n", "bye"]) {
        const bytes = frame(text);
        const from = client.received().length;
        client.send(bytes);
        await until("the echo", () => client.received().length >= from + bytes.length);
        assert.equal(client.received().slice(from), bytes);
      }
      assert.ok(headEnd > 4);
      assert.equal(stand.upstreams[0]?.inFlight, 1);
      client.destroy();
      await until("the upstream's end", () => origin.connections[0]?.ended === true);
      await until("the count", () => stand.upstreams[0]?.inFlight === 0);
    });
  });

  it("ends for the client when the upstream ends it", async () => {
    const origin = await echo(switched);
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(upgrade);
      await until("the 101", () => client.received().includes("\r\n\r\n"));
      origin.connections[0]?.socket.end();
      await client.untilEnded();
    });
  });

  it("carries megabytes in both directions", async () => {
    const origin = await echo(switched);
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(upgrade);
      await until("the 101", () => client.received().includes("\r\n\r\n"));
      const from = client.received().length;
      const bytes = "x".repeat(4 * 1024 * 1024);
      client.send(bytes);
      await until("all of it back", () => client.received().length === from + bytes.length, 20_000);
      client.destroy();
    });
  });

  it("ends when nothing has passed for long", async () => {
    await withStand({ origins: [await echo(switched)], limits: { tunnelIdleMs: 300 } }, async (stand) => {
      const client = await stand.connect();
      client.send(upgrade);
      await client.untilEnded();
      assert.match(client.received(), /^HTTP\/1.1 101 /);
      await until("the upstream's connection to end", () => stand.upstreams[0]?.connections === 0);
      assert.equal(stand.upstreams[0]?.inFlight, 0);
      client.destroy();
    });
  });

  it("outlives no client that went while the upstream took nothing", async () => {
    await withStand({ origins: [await deaf()], limits: { sendIdleMs: 300 } }, async (stand) => {
      const client = await stand.connect();
      client.send(upgrade);
      await until("the 101", () => client.received() !== "");
      client.socket.write(Buffer.alloc(20_000_000));
      await until("the proxy to read no more", () => stand.peerOf(client).isPaused());
      client.socket.resetAndDestroy();
      await until("the proxy to notice", () => stand.openPeers() === 0);
      assert.deepEqual([stand.upstreams[0]?.connections, stand.upstreams[0]?.inFlight], [0, 0]);
    });
  });

  it("holds the client's first frames until the 101 is there", async () => {
    const origin = await echo(switched, 30);
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      const bytes = frame("too early");
      client.send(upgrade + bytes);
      await until(
        "the upgrade at the upstream",
        () => origin.connections[0]?.pending.includes("\r\n\r\n") === true,
      );
      assert.ok(origin.connections[0]?.pending.endsWith("\r\n\r\n"), "frames went on before the 101");
      await until("the echo", () => client.received().endsWith(bytes));
      client.destroy();
    });
  });
});

describe("an upgrade that is refused", () => {
  it("is an exchange like any other: no tunnel, and the next bytes are requests", async () => {
    const origin = await startOrigin((_, { socket }) => {
      socket.write(head("HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 13", "Content-Length: 0"));
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(upgrade);
      const { finals } = await client.take(1);
      assert.equal(statusOf(finals[0] as never), 426);
      client.send("not HTTP at all\r\n\r\n");
      await client.untilEnded();
      const statuses = client.answers().finals.map(statusOf);
      assert.ok(statuses.length === 1 || (statuses.length === 2 && statuses[1] === 400), `${statuses}`);
      assert.equal(origin.requests.length, 1);
    });
  });

  for (const [why, answer] of [
    ["another protocol", head("HTTP/1.1 101 Switching Protocols", "Upgrade: h2c", "Connection: Upgrade")],
    ["no protocol", head("HTTP/1.1 101 Switching Protocols")],
  ] as const) {
    it(`a 101 to ${why} is no tunnel but a 502`, async () => {
      const origin = await echo(answer);
      await withStand({ origins: [origin] }, async (stand) => {
        const client = await stand.connect();
        client.send(upgrade);
        const { finals, interims } = await client.take(1);
        assert.deepEqual([...interims, ...finals].map(statusOf), [502]);
        client.destroy();
      });
    });
  }

  it("h2c opens nothing: what follows is read as a request", async () => {
    await withStand({}, async (stand) => {
      const client = await stand.connect();
      client.send(
        get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
      );
      await client.take(1);
      assert.equal(statusOf(client.answers().finals[0] as never), 200);
      client.send(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`);
      await client.untilEnded();
      assert.equal(stand.origin.requests.length, 1);
    });
  });
});
