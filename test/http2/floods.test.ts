// What an HTTP/2 client may not do to us: streams without end, resets, pings, settings, endless heads, silence. Frames
// are written by hand; each test ends with the proxy still serving somebody else.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startOrigin } from "../http/origin.ts";
import { type Stand, type StandOptions, withStand } from "../http/stand.ts";
import { until } from "../http/until.ts";
import { ask, dial } from "./client.ts";
import {
  asking,
  block,
  data,
  errorCode,
  type Field,
  flag,
  frame,
  frameType,
  headers,
  preface,
  type RawHttp2,
  rawHttp2,
  uint32,
} from "./raw-client.ts";

const get = asking();
const goawayOf = (client: RawHttp2) =>
  client.frames.find(({ type }) => type === frameType.goaway)?.payload.readUInt32BE(4);

/** A stand, and afterwards a well-behaved client is still answered and nothing is left. */
async function surviving(options: StandOptions, use: (stand: Stand) => Promise<void>): Promise<void> {
  await withStand(options, async (stand) => {
    await use(stand);
    const session = await dial(`http://127.0.0.1:${stand.port}`);
    assert.equal((await ask(session, { ":path": "/ok" })).status, 200);
    session.destroy();
    await until("every connection to be forgotten", () => stand.proxy.stats.connections === 0, 10_000);
    assert.equal(stand.upstreams[0]?.inFlight, 0);
  });
}

/** Answers `/ok` alone. */
const silent = () =>
  startOrigin((request, { socket }) => {
    if (request.start.startsWith("GET /ok")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });

/** Node leaves a connection that nghttp2 has given up to whoever has deadlines. */
const impatient = { headDeadlineMs: 300, keepAliveIdleMs: 300 };

describe("HTTP/2 limits", () => {
  it("more than 100 streams at a time are refused, and the client may try them again", async () => {
    await surviving({ origins: [await silent()] }, async (stand) => {
      const client = await rawHttp2(stand.port);
      await until("their settings", () => client.frames.some(({ type }) => type === frameType.settings));
      client.send(...Array.from({ length: 105 }, (_, i) => headers(2 * i + 1, get)));
      // Who has acknowledged the limit breaks the protocol: nghttp2 ends the connection.
      for (const id of [201, 209])
        assert.ok(["reset", "goaway", "closed"].includes((await client.outcome(id)).kind));
      assert.ok(stand.origin.requests.length <= 100);
      client.socket.destroy();
    });
  });

  it("rapid resets (CVE-2023-44487): the connection is closed, and little has reached the origin", async () => {
    await surviving({ origins: [await silent()] }, async (stand) => {
      const client = await rawHttp2(stand.port);
      const cancel = uint32(errorCode.cancel);
      for (let i = 0; i < 5_000 && !client.closed(); i++) {
        const id = 2 * i + 1;
        client.send(headers(id, get), frame(frameType.rstStream, 0, id, cancel));
        if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await until("the end", client.closed);
      assert.equal(stand.proxy.stats.connectionsWasteful, 1);
      assert.ok(stand.proxy.stats.streamsWasted <= 500, `${stand.proxy.stats.streamsWasted} streams`);
    });
  });

  it("malformed requests without end: the same", async () => {
    await surviving({ limits: { wastedStreamsMax: 50 } }, async (stand) => {
      const client = await rawHttp2(stand.port);
      for (let i = 0; i < 200 && !client.closed(); i++) {
        client.send(headers(2 * i + 1, [...get, ["connection", "close"]]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until("the end", client.closed);
      assert.equal(stand.origin.requests.length, 0);
    });
  });

  for (const [name, one] of Object.entries({
    pings: frame(frameType.ping, 0, 0, Buffer.alloc(8)),
    settings: frame(frameType.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])),
  })) {
    it(`${name} without end`, async () => {
      await surviving({}, async (stand) => {
        const client = await rawHttp2(stand.port);
        for (let i = 0; i < 100 && !client.closed(); i++) {
          client.send(...Array.from({ length: 50 }, () => one));
          await new Promise((resolve) => setImmediate(resolve));
        }
        await until("the end", client.closed);
        assert.equal(goawayOf(client), errorCode.calm);
      });
    });
  }

  it("CONTINUATION without end (CVE-2024-27316)", async () => {
    await surviving({ limits: impatient }, async (stand) => {
      const client = await rawHttp2(stand.port);
      client.send(frame(frameType.headers, flag.endStream, 1, block(get)));
      const more = frame(frameType.continuation, 0, 1, block([["x-a", "a".repeat(1_000)]]));
      for (let i = 0; i < 1_000 && !client.closed(); i++) {
        client.send(more);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until("the end", client.closed);
      assert.equal(stand.origin.requests.length, 0);
    });
  });

  it("a head far beyond the limits is reset, and others on the connection live on", async () => {
    await surviving({}, async (stand) => {
      const client = await rawHttp2(stand.port);
      const many = Array.from({ length: 500 }, (_, i): Field => [`x-${i}`, "1"]);
      client.send(headers(1, [...get, ...many]));
      const outcome = await client.outcome(1);
      assert.equal(outcome.kind, "reset");
      client.send(headers(3, get));
      assert.equal((await client.outcome(3)).kind, "answer");
      client.socket.destroy();
    });
  });

  it("a table bomb: one large field, named again and again by its index, is not expanded without end", async () => {
    await surviving({}, async (stand) => {
      const client = await rawHttp2(stand.port);
      const value = Buffer.alloc(3_900, 97);
      const stored = Buffer.concat([Buffer.from([0x40, 1, 97, 127, ...lengthRest(3_900)]), value]);
      const bomb = Buffer.concat([block(get), stored, Buffer.alloc(10_000, 0x80 | 62)]);
      client.send(frame(frameType.headers, flag.endHeaders | flag.endStream, 1, bomb));
      assert.equal((await client.outcome(1)).kind, "reset");
      assert.equal(stand.origin.requests.length, 0);
      client.socket.destroy();
    });
  });

  for (const [name, bytes] of Object.entries({
    "a DATA frame on no stream": frame(frameType.data, 0, 0, Buffer.alloc(1)),
    "DATA before HEADERS": data(1, "a"),
    "a frame larger than was agreed": frame(frameType.ping, 0, 0, Buffer.alloc(20_000)),
    "an even stream": headers(2, get),
    "PUSH_PROMISE from a client": frame(frameType.pushPromise, flag.endHeaders, 1, uint32(2)),
    "CONTINUATION without HEADERS": frame(frameType.continuation, flag.endHeaders, 1, block(get)),
    "an index beyond the table": frame(frameType.headers, 5, 1, Buffer.from([0xff, 0xff, 0x7f])),
    "a window of zero more": frame(frameType.windowUpdate, 0, 0, uint32(0)),
  })) {
    it(`${name}: an error of the connection`, async () => {
      await surviving({ limits: impatient }, async (stand) => {
        const client = await rawHttp2(stand.port);
        client.send(bytes);
        await until("the end", client.closed);
        assert.notEqual(goawayOf(client), errorCode.none);
        assert.equal(stand.origin.requests.length, 0);
      });
    });
  }

  it("random frames crash nothing", async () => {
    await surviving({ limits: { ...impatient, requestIdleMs: 300, sendIdleMs: 300 } }, async (stand) => {
      let seed = 12_345;
      const random = (below: number) => {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
        return (seed >>> 8) % below;
      };
      for (let round = 0; round < 60; round++) {
        const client = await rawHttp2(stand.port);
        for (let i = 0; i < 20; i++) {
          const payload = Buffer.from(Array.from({ length: random(40) }, () => random(256)));
          const wild = frame(random(11), random(64), random(4), payload);
          client.send(random(3) === 0 ? headers(2 * i + 1, get) : wild);
        }
        client.socket.end();
        await until("the end", client.closed);
      }
    });
  });
});

describe("HTTP/2 deadlines and ends", () => {
  it("a client that says nothing after its preface, and one that asks no more, are closed", async () => {
    const limits = { headDeadlineMs: 200, keepAliveIdleMs: 400 };
    await surviving({ limits }, async (stand) => {
      const mute = await rawHttp2(stand.port, preface);
      const resting = await rawHttp2(stand.port);
      resting.send(headers(1, get));
      assert.equal((await resting.outcome(1)).kind, "answer");
      await until("both ends", () => mute.closed() && resting.closed());
      assert.equal(goawayOf(resting), errorCode.none);
    });
  });

  it("a body that does not come is a 408; an answer that does not come, a 504", async () => {
    const limits = { requestIdleMs: 200, responseDeadlineMs: 400 };
    await surviving({ origins: [await silent()], limits }, async (stand) => {
      const client = await rawHttp2(stand.port);
      client.send(
        headers(1, [...asking("POST"), ["content-length", "5"]], flag.endHeaders),
        data(1, "abc", false),
      );
      const late = await client.outcome(1);
      assert.equal(late.kind === "answer" && late.status, 408);
      const other = await rawHttp2(stand.port);
      other.send(headers(1, get));
      const slow = await other.outcome(1);
      assert.equal(slow.kind === "answer" && slow.status, 504);
      client.socket.destroy();
      other.socket.destroy();
    });
  });

  it("a reader that opens no window is given up after sendIdleMs, and the origin with it", async () => {
    const origin = await startOrigin((_, { socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${"a".repeat(100_000)}`);
    });
    await withStand({ origins: [origin], limits: { sendIdleMs: 300 } }, async (stand) => {
      const closed = Buffer.from([0, 4, 0, 0, 0, 0]); // SETTINGS_INITIAL_WINDOW_SIZE: 0
      const client = await rawHttp2(
        stand.port,
        Buffer.concat([preface, frame(frameType.settings, 0, 0, closed)]),
      );
      client.send(headers(1, get));
      assert.equal((await client.outcome(1)).kind, "reset");
      assert.equal(stand.upstreams[0]?.inFlight, 0);
      assert.equal(client.closed(), false, "other streams may go on");
      client.socket.destroy();
    });
  });

  it("streams that the origin's faults end are not held against the client", async () => {
    const origin = await startOrigin((_, { socket }) => {
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun");
    });
    await withStand({ origins: [origin], limits: { wastedStreamsMax: 5 } }, async (stand) => {
      const client = await rawHttp2(stand.port);
      for (let id = 1; id < 41; id += 2) {
        client.send(headers(id, get));
        assert.deepEqual(await client.outcome(id), { kind: "reset", code: errorCode.internal });
      }
      assert.equal(client.closed(), false);
      assert.equal(stand.proxy.stats.streamsWasted, 0);
      client.socket.destroy();
    });
  });

  it("drain: a stream under way is answered, the client is told, and then the connection is closed", async () => {
    let finish = () => {};
    const origin = await startOrigin((_, { socket }) => {
      finish = () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await rawHttp2(stand.port);
      client.send(headers(1, get));
      await until("the request", () => origin.requests.length === 1);
      let drained = false;
      const done = stand.proxy.drain(10_000).then(() => {
        drained = true;
      });
      await until("GOAWAY", () => goawayOf(client) === errorCode.none);
      const goaway = client.frames.find(({ type }) => type === frameType.goaway);
      assert.equal(goaway?.payload.readUInt32BE(0), 1, "the last stream that is served");
      client.send(headers(3, get)); // it crosses our GOAWAY on the way
      assert.equal(drained, false);
      finish();
      assert.equal((await client.outcome(1)).kind, "answer");
      await done;
      assert.equal(origin.requests.length, 1, "whoever sent the other one may safely send it again");
      assert.equal(stand.proxy.stats.connections, 0);
    });
  });

  it("drain: what is not done by the deadline is cut", async () => {
    await withStand({ origins: [await silent()] }, async (stand) => {
      const client = await rawHttp2(stand.port);
      client.send(headers(1, get));
      await until("the request", () => stand.origin.requests.length === 1);
      await stand.proxy.drain(100);
      await until("the end", client.closed);
      assert.equal(stand.upstreams[0]?.inFlight, 0);
    });
  });

  it("the last request of a connection is announced, and nothing is lost", async () => {
    await surviving({ limits: { requestsPerConnectionMax: 3 } }, async (stand) => {
      const client = await rawHttp2(stand.port);
      for (const id of [1, 3, 5]) client.send(headers(id, get));
      for (const id of [1, 3, 5]) assert.equal((await client.outcome(id)).kind, "answer");
      await until("the end", client.closed);
      assert.equal(goawayOf(client), errorCode.none);
    });
  });
});

/** What follows a prefix of seven ones (RFC 7541 section 5.1). */
function lengthRest(length: number): number[] {
  const rest: number[] = [];
  let left = length - 127;
  for (; left > 127; left >>= 7) rest.push((left & 127) | 128);
  return [...rest, left];
}
