import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { createEventHub, type EventHub, type EventSource, listenersMax } from "./event-hub.ts";

let hub: EventHub;
let reading: { n: number; fill?: string };
let reads: number;
const server = createServer((request, response) => hub.listen(request, response));

const numbers: EventSource<{ n: number; fill?: string }> = {
  name: "number",
  everyMs: 5,
  read: () => {
    reads += 1;
    return reading;
  },
  difference: (from, to) => ({ up: to.n - from.n }),
};

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  reading = { n: 1 };
  reads = 0;
  hub = createEventHub([numbers]);
});

const connections = promisify(server.getConnections.bind(server));

async function listen(): Promise<IncomingMessage> {
  const request = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  request.on("error", () => {});
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  return answer;
}

/** Reads until `found` is there; gives all that was read. */
async function until(answer: IncomingMessage, found: string): Promise<string> {
  let text = "";
  answer.setEncoding("utf8");
  for await (const piece of answer.iterator({ destroyOnReturn: false })) {
    text += piece;
    if (text.includes(found)) return text;
  }
  throw new Error(`ended without ${found}: ${text.slice(0, 200)}`);
}

async function untilTrue(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test("a whole reading first, then what has changed, and nothing while nothing changes", async () => {
  const answer = await listen();
  assert.equal(answer.headers["content-type"], "text/event-stream");
  await until(answer, 'event: number\ndata: {"n":1}\n\n');
  const before = reads;
  await untilTrue(() => reads > before + 3);
  reading = { n: 4 };
  assert.equal(await until(answer, "number-change"), 'event: number-change\ndata: {"up":3}\n\n');
  answer.destroy();
});

test("a reading is made once for all who listen, and not at all when nobody does", async () => {
  const answers = [await listen(), await listen()];
  for (const answer of answers) await until(answer, '{"n":1}');
  reading = { n: 2 };
  for (const answer of answers) await until(answer, '{"up":1}');
  for (const answer of answers) answer.destroy();
  while ((await connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 2));
  const before = reads;
  await new Promise((resolve) => setTimeout(resolve, 10 * numbers.everyMs));
  assert.equal(reads, before);
});

test("who reads slowly misses readings, and then gets the last one whole", async () => {
  const { difference: _, ...whole } = numbers;
  hub = createEventHub([whole]);
  const slow = await listen();
  await until(slow, '{"n":1}');
  const last = 81;
  const fill = "x".repeat(400_000);
  for (let n = 2; n <= last; n++) {
    const before = reads;
    reading = { n, fill };
    await untilTrue(() => reads > before + 1);
  }
  const text = await until(slow, `{"n":${last},`);
  const received = text.match(/event: number\n/g)?.length ?? 0;
  assert.ok(received < last / 2, `${received} of ${last} readings were kept for it`);
  slow.destroy();
});

test("so many listeners and no more", async () => {
  const answers = [];
  for (let i = 0; i < listenersMax; i++) answers.push(await listen());
  const refused = await listen();
  assert.equal(refused.statusCode, 503);
  assert.equal(refused.headers["retry-after"], "5");
  refused.resume();
  answers[0]?.destroy();
  for (let status = 0; status !== 200; ) {
    const again = await listen();
    status = again.statusCode ?? 0;
    again.destroy();
  }
  for (const answer of answers) answer.destroy();
});

test("a reading that fails is told in a comment, and tried again", async () => {
  let fails = true;
  const read = () => {
    if (fails) throw new Error("not now");
    return { n: 7 };
  };
  hub = createEventHub([{ name: "number", everyMs: 5, read }]);
  const answer = await listen();
  await until(answer, ": number: not now\n\n");
  fails = false;
  await until(answer, 'event: number\ndata: {"n":7}\n\n');
  answer.destroy();
});

test("closing ends every stream", async () => {
  const answer = await listen();
  await until(answer, '{"n":1}');
  hub.close();
  await once(answer.resume(), "end");
});
