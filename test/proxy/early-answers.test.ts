// An upstream that answers before it has the whole request, while the rest of it is just arriving: the one moment at
// which a proxy may believe that both sides are done when they are not. Whatever the order in which the bytes meet,
// each upstream connection carries complete requests one behind the other, or it is closed.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type OriginConnection, startRawOrigin } from "../http/origin.ts";
import { withStand } from "../http/stand.ts";
import { parseRequest } from "../http/strict.ts";
import { until } from "../http/until.ts";
import { get, post } from "../http/vectors/vector.ts";

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

interface Case {
  readonly name: string;
  readonly head: string;
  /** The body in the parts in which it is sent. */
  readonly parts: readonly string[];
}

const filler = (bytes: number): string => "b".repeat(bytes);
const cases: readonly Case[] = [100, 10_000, 100_000].flatMap((bytes) => [
  { name: `${bytes} bytes by length`, head: post(`Content-Length: ${bytes}`), parts: [filler(bytes)] },
  {
    name: `${bytes} bytes chunked`,
    head: post("Transfer-Encoding: chunked"),
    parts: [`${bytes.toString(16)}\r\n${filler(bytes)}\r\n0\r\n\r\n`],
  },
  {
    name: `${bytes} bytes chunked, the last chunk apart`,
    head: post("Transfer-Encoding: chunked"),
    parts: [`${bytes.toString(16)}\r\n${filler(bytes)}\r\n`, "0\r\n\r\n"],
  },
]);

/** When the upstream answers: with the head, or this many turns after the body began to be sent. */
const moments = ["with the head", 0, 1, 2, 3, 4] as const;

for (const { name, head, parts } of cases) {
  describe(`an early answer to ${name}`, () => {
    for (const moment of moments) {
      it(moment === "with the head" ? moment : `${moment} turns into the body`, () =>
        meet(head, parts, moment),
      );
    }
  });
}

async function meet(head: string, parts: readonly string[], moment: (typeof moments)[number]): Promise<void> {
  const origin = await startRawOrigin((connection) => {
    let heads = 0;
    connection.socket.on("data", (chunk: Buffer) => {
      connection.pending += chunk.toString("latin1");
      const seen = connection.pending.match(/(GET|POST) \/v HTTP\/1\.1\r\n/g) ?? [];
      for (; heads < seen.length; heads++)
        if (seen[heads]?.startsWith("GET") || moment === "with the head") connection.socket.write(answer);
    });
  });
  await withStand({ origins: [origin] }, async (stand) => {
    for (let round = 0; round < 8; round++) {
      const client = await stand.connect();
      const before = count(origin.connections, "POST ");
      client.send(round % 2 === 0 ? head + (parts[0] ?? "").slice(0, 10) : head);
      await until(
        "the head at the upstream",
        () => count(origin.connections, "POST ") > before || client.ended(),
      );
      client.send((parts[0] ?? "").slice(round % 2 === 0 ? 10 : 0));
      if (typeof moment === "number") {
        for (let turns = 0; turns < moment; turns++) await turn();
        origin.connections.at(-1)?.socket.write(answer);
      }
      for (const part of parts.slice(1)) client.send(part);
      await client.take(1);
      const next = await stand.connect();
      next.send(get());
      await next.take(1);
      client.destroy();
      next.destroy();
    }
    for (const connection of origin.connections) assert.equal(wrongWith(connection), null);
  });
}

const count = (connections: readonly OriginConnection[], word: string): number =>
  connections.reduce((sum, { pending }) => sum + pending.split(`${word}/v `).length - 1, 0);

/** Null when the connection's bytes are complete requests; the last may be cut short if the connection was closed. */
function wrongWith({ pending, ended }: OriginConnection): string | null {
  for (let at = 0; at < pending.length; ) {
    const parsed = parseRequest(pending, at);
    if (parsed.kind === "fault") return `${parsed.why} in ${JSON.stringify(pending.slice(at, at + 400))}`;
    if (parsed.kind === "incomplete") return ended ? null : "a request without its end on an open connection";
    at = parsed.message.end;
    if (/^POST .*\nGET \/v/s.test(parsed.message.start + parsed.message.body))
      return "a request within a body";
  }
  return null;
}
