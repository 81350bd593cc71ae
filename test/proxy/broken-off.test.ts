// A connection that breaks off after every single byte: a client's request, and an upstream's answer. Each ends in one of
// the ways that are allowed there, and nothing is left of it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerOk, startOrigin, startRawOrigin } from "../http/origin.ts";
import { type Stand, withStand } from "../http/stand.ts";
import { type Answers, statusOf } from "../http/strict.ts";
import { until } from "../http/until.ts";
import { get, head, post } from "../http/vectors/vector.ts";

/** No connection, exchange or waiting request is left. */
function untilIdle(stand: Stand): Promise<void> {
  const counts = (): number[] => [
    stand.proxy.stats.connections,
    stand.openPeers(),
    ...stand.upstreams.map(({ inFlight, waiting }) => inFlight + waiting),
  ];
  return until(
    () => `nothing to be left: ${counts()}`,
    () => counts().every((count) => count === 0),
  );
}

const upgrade = get("Connection: Upgrade", "Upgrade: websocket");
const requests: Readonly<Record<string, string>> = {
  "two that are pipelined": get() + get(),
  "a body with a length": post("Content-Length: 10").concat("0123456789"),
  "a body in chunks, with a trailer": post("Transfer-Encoding: chunked").concat(
    "5;a=b\r\nabcde\r\n3\r\nfgh\r\n0\r\nX-T: 1\r\n\r\n",
  ),
  "a body that waits for 100": post("Content-Length: 4", "Expect: 100-continue").concat("abcd"),
  "a tunnel": `${upgrade}frames`,
};

const switched = head("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket");

describe("a client that breaks off after any byte of", () => {
  for (const [name, bytes] of Object.entries(requests)) {
    it(name, async () => {
      const origin = await startOrigin((request, connection, nth) => {
        if (/upgrade: websocket/i.test(JSON.stringify(request.fields))) connection.socket.write("");
        if (name === "a tunnel") connection.socket.write(switched);
        else answerOk(request, connection, nth);
      });
      await withStand({ origins: [origin] }, async (stand) => {
        const ends = Array.from({ length: bytes.length + 1 }, (_, upTo) => bytes.slice(0, upTo));
        await Promise.all(ends.map((part) => halfClose(stand, part, part === bytes)));
        await Promise.all(ends.map((part) => reset(stand, part)));
        await untilIdle(stand);
        if (name !== "a tunnel") assert.deepEqual(origin.faults, []);
      });
    });
  }
});

/** Its answers, and then 400 to what is no whole request; a tunnel's bytes have no end that could be missed. */
async function halfClose(stand: Stand, part: string, isWhole: boolean): Promise<void> {
  const client = await stand.connect();
  client.send(part);
  client.finish();
  await client.untilEnded();
  const { finals, interims, fault } = client.answers();
  const codes = [...interims, ...finals].map(statusOf);
  const [last = 0] = codes.slice(-1);
  const allowed = isWhole ? [200, 101] : [0, 200, 400, 101];
  assert.ok(fault === null && allowed.includes(last), `${codes} to ${JSON.stringify(part)}; ${fault}`);
  client.destroy();
}

async function reset(stand: Stand, part: string): Promise<void> {
  const client = await stand.connect();
  client.send(part);
  if (part.length % 2 === 0) await new Promise(setImmediate);
  client.socket.resetAndDestroy();
}

interface Told {
  readonly bytes: string;
  readonly body: string;
}

const answers: Readonly<Record<string, Told>> = {
  "with a length": { bytes: head("HTTP/1.1 200 OK", "Content-Length: 5").concat("hello"), body: "hello" },
  "in chunks, with a trailer": {
    bytes: head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked").concat(
      "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
    ),
    body: "hello world",
  },
  "behind an interim one": {
    bytes:
      head("HTTP/1.1 103 Early Hints", "Link: a") + head("HTTP/1.1 200 OK", "Content-Length: 2").concat("me"),
    body: "me",
  },
  "304": { bytes: head("HTTP/1.1 304 Not Modified", "Content-Length: 77"), body: "" },
};

/** Whole, asked for again at the other upstream, refused, or visibly cut; never something in between. */
function outcome({ finals, fault }: Answers, { body }: Told, isWhole: boolean): string {
  assert.equal(fault, null);
  const [final] = finals;
  if (final === undefined) return "cut";
  if (statusOf(final) === 502) return "refused";
  if (final.body === "second") return "again";
  assert.ok(isWhole && final.body === body, `a body of ${JSON.stringify(final.body)}`);
  return "whole";
}

describe("an upstream that breaks off after any byte of an answer", () => {
  for (const [name, told] of Object.entries(answers)) {
    for (const how of ["FIN", "reset"] as const) {
      it(`${name}, by ${how}`, async () => {
        let upTo = 0;
        const breaking = await startRawOrigin(({ socket }) => {
          socket.once("data", () => {
            const part = Buffer.from(told.bytes.slice(0, upTo), "latin1");
            if (how === "FIN") socket.end(part);
            else socket.write(part, () => socket.resetAndDestroy());
          });
        });
        const other = await startOrigin(
          (_, { socket }) => void socket.write(head("HTTP/1.1 200 OK", "Content-Length: 6").concat("second")),
        );
        await withStand({ origins: [breaking, other] }, async (stand) => {
          const headEnd = told.bytes.indexOf("\r\n\r\n") + 4;
          for (upTo = 0; upTo <= told.bytes.length; upTo++) {
            const isWhole = upTo === told.bytes.length;
            const came = [];
            for (const request of [
              get("Connection: close"),
              post("Connection: close", "Content-Length: 2").concat("hi"),
            ]) {
              const client = await stand.connect();
              client.send(request);
              await client.untilEnded();
              came.push(outcome(client.answers(), told, isWhole));
              client.destroy();
            }
            const isCut = name.startsWith("in chunks") && upTo >= headEnd;
            const expected = isWhole ? ["whole", "whole"] : isCut ? ["cut", "cut"] : ["again", "refused"];
            // A reset may overtake what was sent before it.
            const overtaken = how === "reset" ? ["again", "refused"] : expected;
            for (const [nth, one] of came.entries())
              assert.ok(
                one === expected[nth] || one === overtaken[nth],
                `${one}, not ${expected[nth]}, after ${upTo} of ${told.bytes.length} bytes`,
              );
          }
          await untilIdle(stand);
        });
      });
    }
  }
});
