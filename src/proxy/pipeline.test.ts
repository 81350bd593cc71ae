// One shared connection: whatever the answers are and wherever the network splits them, each reaches its own exchange,
// and only after the one before it; who waits too long is moved.
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import * as fc from "fast-check";
import { Pipeline, type PipelineMember } from "./pipeline.ts";
import { eventually, type RawClient, rawClient, scriptedUpstream, testedProxy } from "./scripted.test.ts";
import { afterReads } from "./turn.ts";
import type { PooledUpstream } from "./upstream.ts";
import type { ExchangeConnection, UpstreamConnection } from "./upstream-connection.ts";

// — With exchanges, over sockets

interface Asked {
  readonly head: boolean;
  readonly kind: "length" | "chunked" | "empty" | "not-modified" | "interim" | "long";
}

function answerTo({ head, kind }: Asked, body: string): string {
  const sent = head ? "" : body;
  const sized = `HTTP/1.1 200 OK\r\nX-Own: ${body}\r\nContent-Length: ${body.length}\r\n\r\n${sent}`;
  switch (kind) {
    case "chunked": {
      const chunks = head
        ? ""
        : `1\r\n${body[0]}\r\n${(body.length - 1).toString(16)}\r\n${body.slice(1)}\r\n0\r\n\r\n`;
      return `HTTP/1.1 200 OK\r\nX-Own: ${body}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;
    }
    case "empty":
      return `HTTP/1.1 204 No Content\r\nX-Own: ${body}\r\n\r\n`;
    case "not-modified":
      return `HTTP/1.1 304 Not Modified\r\nX-Own: ${body}\r\nContent-Length: 99\r\n\r\n`;
    case "interim":
      return `HTTP/1.1 103 Early Hints\r\nX-Hint: ${body}\r\n\r\n${sized}`;
    case "long": {
      const long = body.repeat(5_000);
      const fields = `X-Own: ${body}\r\nContent-Length: ${long.length}\r\n`;
      return `HTTP/1.1 200 OK\r\n${fields}\r\n${head ? "" : long}`;
    }
    default:
      return sized;
  }
}

/** Complete, as far as this client can know, and with its own body only. */
function isWhole(text: string, { head, kind }: Asked, body: string): boolean {
  const final = text.slice(kind === "interim" ? text.indexOf("\r\n\r\n") + 4 : 0);
  if (!final.includes(`X-Own: ${body}\r\n`) || !final.includes("\r\n\r\n")) return false;
  const got = final.slice(final.indexOf("\r\n\r\n") + 4);
  if (head || kind === "empty" || kind === "not-modified") return got === "";
  if (kind === "chunked") {
    const data = got.split("\r\n").filter((_, line) => line % 2 === 1); // sizes and data take turns
    return got.endsWith("0\r\n\r\n") && data.join("") === body;
  }
  return got === (kind === "long" ? body.repeat(5_000) : body);
}

const splitAt = (text: string, cuts: readonly number[]) => {
  const at = [0, ...cuts.map((cut) => cut % text.length), text.length].sort((a, b) => a - b);
  return at.slice(1).map((end, index) => text.slice(at[index], end));
};

async function inPieces(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    if (piece === "" || socket.destroyed) continue;
    socket.write(piece, "latin1");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("answers of any kind, split at any byte, reach their own exchanges", async () => {
  let cuts: readonly number[] = [];
  let kinds: readonly Asked[] = [];
  let sharedWrites = 0;
  const origin = await scriptedUpstream((socket, received) => {
    const asked = [...received.matchAll(/^[A-Z]+ \/(\d+)\/(\S+) /gm)];
    if (asked.length > 1) sharedWrites++;
    const answers = asked.map(([, index, body]) => answerTo(kinds[Number(index)] as Asked, body ?? ""));
    void inPieces(socket, splitAt(answers.join(""), cuts));
    return true;
  });
  const tested = await testedProxy([origin.port], { upstreamBatching: true });
  const { batching } = tested.upstreams[0] as PooledUpstream;
  const clients: RawClient[] = Array.from({ length: 4 }, () => rawClient(tested.port));
  const seen = clients.map(() => 0);
  await eventually(() => tested.proxy.stats.connections === clients.length);
  let run = 0;
  const asked = fc.record({
    head: fc.boolean(),
    kind: fc.constantFrom("length", "chunked", "empty", "not-modified", "interim", "long"),
  }) satisfies fc.Arbitrary<Asked>;
  await fc.assert(
    fc.asyncProperty(
      fc.array(asked, { minLength: 4, maxLength: 4 }),
      fc.array(fc.nat(60_000), { maxLength: 12 }),
      async (next, splits) => {
        kinds = next;
        cuts = splits;
        run++;
        for (let answers = 0; answers < 3_000; answers++) batching.count(0.1);
        const bodies = next.map((_, index) => `b${run}x${index}`);
        for (const [index, client] of clients.entries()) {
          seen[index] = client.text().length;
          const method = next[index]?.head ? "HEAD" : "GET";
          client.socket.write(`${method} /${index}/${bodies[index]} HTTP/1.1\r\nHost: a\r\n\r\n`);
        }
        const texts = await Promise.all(
          clients.map((client, index) =>
            client.until((text) =>
              isWhole(text.slice(seen[index]), next[index] as Asked, bodies[index] ?? ""),
            ),
          ),
        );
        for (const [index, text] of texts.entries()) {
          const foreign = bodies.filter((body, other) => other !== index && text.includes(body));
          assert.deepEqual(foreign, [], `client ${index}`);
        }
      },
    ),
    { numRuns: 200, endOnFailure: true, includeErrorInReport: true },
  );
  assert.ok(batching.trusted);
  assert.ok(sharedWrites > 50, `${sharedWrites} shared writes`);
  for (const client of clients) client.socket.destroy();
  tested.close();
  origin.close();
});

// — By itself, with members that know how long their answers are

class CountingMember implements PipelineMember {
  place: ExchangeConnection | null = null;
  got = "";
  moved = 0;
  readOn = true;
  private readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  onUpstreamConnection(connection: ExchangeConnection): void {
    this.place = connection;
  }
  onUpstreamBytes(bytes: Buffer, start: number, end: number): boolean {
    const missing = this.length - this.got.length;
    const length = end - start;
    this.got += bytes.toString("latin1", start, start + Math.min(missing, length));
    if (length >= missing) this.place?.release(length - missing, -1, 0);
    return this.readOn;
  }
  onUpstreamMoved(): void {
    this.moved++;
  }
  onUpstreamSent(): void {}
  onUpstreamDrain(): void {}
  onUpstreamEnd(): void {}
  onUpstreamGone(): void {}
}

function pipelineOf(lengths: readonly number[], trust = { trusted: true, answerMsMax: 5 }) {
  const ends: string[] = [];
  const connection = {
    unsentBytes: 0,
    assign: () => {},
    writeNow: () => {},
    discard: () => ends.push("discarded"),
    release: (extraBytes: number) => ends.push(`released, ${extraBytes} extra`),
    readBuffer: { expect: () => {}, done: () => {} },
  } as unknown as UpstreamConnection;
  const pipeline = new Pipeline(connection, trust);
  const members = lengths.map((length) => new CountingMember(length));
  for (const member of members) pipeline.add(member);
  pipeline.start(0);
  // as a connection reads: not from the buffer's beginning, nor to its end
  const read = (text: string) =>
    pipeline.onUpstreamBytes(Buffer.from(`?${text}?`, "latin1"), 1, text.length + 1);
  return { pipeline, members, ends, read, trust };
}

const moves = (members: readonly CountingMember[]) => members.map(({ moved }) => moved);

test("each byte belongs to whose turn it is, wherever the reads end", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(200)),
      (lengths, cuts) => {
        const { members, ends, read } = pipelineOf(lengths);
        const answers = lengths.map((length, index) => String(index).repeat(length));
        for (const piece of splitAt(answers.join(""), cuts)) if (piece !== "") read(piece);
        assert.deepEqual(
          members.map(({ got }) => got),
          answers,
        );
        assert.deepEqual(ends, ["released, 0 extra"]);
      },
    ),
  );
});

test("bytes behind the last answer are told to the connection", () => {
  const { ends, read } = pipelineOf([2, 2]);
  read("aabbc");
  assert.deepEqual(ends, ["released, 1 extra"]);
});

test("who waits behind a blocked reader moves; the connection ends with that answer", () => {
  const { members, ends, read } = pipelineOf([4, 4, 4]);
  (members[0] as CountingMember).readOn = false;
  assert.equal(read("aa"), false);
  assert.deepEqual(moves(members), [0, 1, 1]);
  read("aabbbbcccc");
  assert.deepEqual(
    members.map(({ got }) => got),
    ["aaaa", "", ""],
  );
  assert.deepEqual(ends, ["discarded"]);
});

test("who waits behind an answer of more than 64 KB moves, whether that was announced or not", () => {
  const silent = pipelineOf([100_000, 4]);
  silent.read("a".repeat(60_000));
  assert.deepEqual(moves(silent.members), [0, 0]);
  silent.read("a".repeat(6_000));
  assert.deepEqual(moves(silent.members), [0, 1]);
  const announced = pipelineOf([100_000, 4]);
  announced.members[0]?.place?.readBuffer.expect(64 * 1024, 0);
  assert.deepEqual(moves(announced.members), [0, 0]);
  announced.members[0]?.place?.readBuffer.expect(64 * 1024 + 1, 0);
  assert.deepEqual(moves(announced.members), [0, 1]);
});

test("who waits for 5 ms behind an incomplete answer moves, once; the turn of each counts anew", () => {
  const { pipeline, members, read } = pipelineOf([2, 2, 2]);
  pipeline.sweep(4.9);
  assert.deepEqual(moves(members), [0, 0, 0]);
  read("aab");
  pipeline.sweep(4.9);
  assert.deepEqual(moves(members), [0, 0, 0]);
  pipeline.sweep(5);
  pipeline.sweep(20);
  assert.deepEqual(moves(members), [0, 0, 1]);
});

test("an answer that was read in the turn of its deadline is in time", async (t) => {
  const { members, ends, read } = pipelineOf([2, 2, 2]);
  const immediately = setImmediate;
  let looked = false;
  t.mock.method(globalThis, "setImmediate", (then: () => void) => {
    immediately(then); // the watch is to judge at the end of this turn, and only now something is read
    if (looked) return;
    looked = true;
    afterReads({ readNow: () => void read("aabbcc") }, null);
  });
  await eventually(() => ends.length > 0);
  assert.deepEqual(moves(members), [0, 0, 0]);
  assert.deepEqual(ends, ["released, 0 extra"]);
});

test("when trust is lost meanwhile, no further answer is taken from the connection", () => {
  const { members, ends, read, trust } = pipelineOf([2, 2, 2]);
  trust.trusted = false;
  read("aabbcc");
  assert.deepEqual(
    members.map(({ got }) => got),
    ["aa", "", ""],
  );
  assert.deepEqual(moves(members), [0, 1, 1]);
  assert.deepEqual(ends, ["discarded"]);
});
