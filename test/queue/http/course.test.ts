// The course project's contract, row by row and line by line, over HTTP.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Served, serveQueue } from "./served.ts";

let queue: Served;
before(async () => {
  queue = await serveQueue({ messageBytesMax: 1000 });
});
after(() => queue.close());

const ok = (message: unknown) => ({ message, status: "success" });

async function succeeds(method: string, target: string, body?: unknown) {
  const { status, json, text } = await queue.ask(method, target, body);
  assert.deepEqual([status, json?.status], [200, "success"], `${method} ${target}: ${text}`);
  return json;
}

async function fails(method: string, target: string, body?: unknown): Promise<string> {
  const { status, json, text } = await queue.ask(method, target, body);
  assert.deepEqual([status, json?.status], [400, "failure"], `${method} ${target}: ${text}`);
  assert.deepEqual(Object.keys(json), ["message", "status"]);
  return json.message;
}

const registers = async (who: "producer" | "consumer", topic: string, part?: string): Promise<number> =>
  (await succeeds("POST", `/${who}/register`, part === undefined ? { topic } : { topic, part })).message;
const produces = async (id: number | string, message: unknown, sequence?: number): Promise<string> =>
  (await succeeds("POST", "/producer/produce", { producer_id: id, message, sequence })).message;
const consumes = (id: number | string, rest = "") =>
  succeeds("GET", `/consumer/consume?consumer_id=${id}${rest}`);
const isEmpty = (id: number | string) => fails("GET", `/consumer/consume?consumer_id=${id}`);

let topics = 0;
const newTopic = () => `Topic-${++topics}`;

describe("the course's contract", () => {
  it("GET /topics: {} at first, then each shard with its owner, in the order of their creation", async () => {
    const { text } = await queue.ask("GET", "/topics");
    assert.equal(text, '{"message":{},"status":"success"}');
    await succeeds("POST", "/topics/add", { topic: "9", part: "2" });
    await succeeds("POST", "/topics/add", { topic: "9", part: "1" });
    await succeeds("POST", "/topics/add", { topic: "1", part: "x" });
    const listed = await queue.ask("GET", "/topics");
    assert.equal(
      listed.text,
      '{"message":{"9":{"2":"broker0","1":"broker0"},"1":{"x":"broker0"}},"status":"success"}',
    );
  });

  it("POST /topics/add", async () => {
    assert.deepEqual(
      await succeeds("POST", "/topics/add", { topic: "T1", part: "P1" }),
      ok("Topic:T1xP1 created successfully"),
    );
    assert.equal(await fails("POST", "/topics/add", { topic: "T1", part: "P1" }), "T1:P1 already exist");
    assert.deepEqual(
      await succeeds("POST", "/topics/add", { topic: "T1", part: "P2" }),
      ok("Topic:T1xP2 created successfully"),
    );
    assert.match(
      await fails("POST", "/topics/add", { topic: "a b", part: "P2" }),
      /"a b" as the name of a topic/,
    );
    assert.match(await fails("POST", "/topics/add", { topic: "T1", part: ".." }), /name of a shard/);
    assert.match(await fails("POST", "/topics/add", { topic: "T1" }), /"part" is missing/);
  });

  it("POST /producer/register and /producer/produce, with a part and without", async () => {
    const first = await registers("producer", "T2", "P1");
    const second = await registers("producer", "T2", "P1");
    assert.equal(second, first + 1);
    assert.equal(await produces(first, "hello"), "T2xP1:Success");
    assert.equal(await produces(String(first), "hello"), "T2xP1:Success");
    assert.equal(
      await fails("POST", "/producer/register", { topic: "T9" }),
      "T9 does not exist thus no partitions are available",
    );
    assert.match(
      await fails("POST", "/producer/produce", { producer_id: 999, message: "x" }),
      /Producer 999 does not exist/,
    );
    assert.match(
      await fails("POST", "/producer/produce", { producer_id: "no", message: "x" }),
      /"producer_id" must be/,
    );
    assert.match(await fails("POST", "/producer/produce", { producer_id: first }), /"message" is missing/);
  });

  it("POST /consumer/register", async () => {
    await succeeds("POST", "/topics/add", { topic: "T3", part: "P2" });
    assert.equal(
      await fails("POST", "/consumer/register", { topic: "T3", part: "P1" }),
      "T3:P1 does not exist, thus can not register as consumer",
    );
    assert.equal(
      await fails("POST", "/consumer/register", { topic: "T33" }),
      "T33 does not exist, thus can not register as consumer",
    );
    assert.ok(Number.isInteger(await registers("consumer", "T3", "P2")));
    assert.ok(Number.isInteger(await registers("consumer", "T3", "*")));
  });

  it("GET /consumer/consume and /size: first in, first out, to each registration from its own moment on", async () => {
    const topic = newTopic();
    const producer = await registers("producer", topic, "P1");
    await produces(producer, "before");
    const a = await registers("consumer", topic, "P1");
    await produces(producer, "1");
    const b = await registers("consumer", topic);
    await produces(producer, "2");
    await produces(producer, "3");
    assert.deepEqual(await succeeds("GET", `/size?consumer_id=${a}`), ok(3));
    assert.deepEqual(await succeeds("GET", `/size?consumer_id=${b}`), ok(2));
    const message = (text: string) => ({ message: text, topic: `${topic}:P1`, status: "success" });
    for (const text of ["1", "2", "3"]) assert.deepEqual(await consumes(a), message(text));
    for (const text of ["2", "3"]) assert.deepEqual(await consumes(String(b)), message(text));
    assert.equal(await isEmpty(a), `Empty logs for Comsumer:${a} for Topic:${topic}xP1`);
    assert.equal(await isEmpty(b), `Empty logs for Comsumer:${b} for Topic:${topic}x*`);
    assert.deepEqual(await succeeds("GET", `/size?consumer_id=${a}`), ok(0));
    assert.match(await fails("GET", "/size?consumer_id=777"), /Consumer 777 does not exist/);
    assert.match(await fails("GET", "/consumer/consume?consumer_id=777"), /Consumer 777 does not exist/);
    assert.match(await fails("GET", "/consumer/consume"), /"consumer_id" must be/);
  });

  it("two shards p and P1: three messages in turn put two on p and one on P1", async () => {
    const topic = newTopic();
    await succeeds("POST", "/topics/add", { topic, part: "p" });
    await succeeds("POST", "/topics/add", { topic, part: "P1" });
    const producer = await registers("producer", topic);
    const places = [];
    for (const text of ["a", "b", "c"]) places.push(await produces(producer, text));
    assert.deepEqual(places, [`${topic}xp:Success`, `${topic}xP1:Success`, `${topic}xp:Success`]);
  });

  it("in turn includes shards that are created later, for producers and consumers", async () => {
    const topic = newTopic();
    const producer = await registers("producer", topic, "A");
    const all = await registers("producer", topic);
    const consumer = await registers("consumer", topic);
    assert.equal(await produces(all, "1"), `${topic}xA:Success`);
    await succeeds("POST", "/topics/add", { topic, part: "B" });
    assert.equal(await produces(all, "2"), `${topic}xB:Success`);
    assert.equal(await produces(all, "3"), `${topic}xA:Success`);
    assert.equal(await produces(producer, "4"), `${topic}xA:Success`);
    const got = [];
    for (let i = 0; i < 4; i++) {
      const { message, topic: from } = await consumes(consumer);
      got.push(`${from} ${message}`);
    }
    assert.deepEqual(got, [`${topic}:A 1`, `${topic}:B 2`, `${topic}:A 3`, `${topic}:A 4`]);
    await isEmpty(consumer);
  });

  it("a shard that is created in the midst of a turn comes after those before it, and none comes twice", async () => {
    const topic = newTopic();
    for (const part of ["A", "B"]) await succeeds("POST", "/topics/add", { topic, part });
    const [plain, numbered] = [await registers("producer", topic), await registers("producer", topic)];
    const send = async (producer_id: unknown, sequence?: number) =>
      (await succeeds("POST", "/producer/produce", { producer_id, message: "m", sequence })).message;
    const places: string[][] = [[], []];
    for (let i = 0; i < 6; i++) {
      if (i === 3) await succeeds("POST", "/topics/add", { topic, part: "C" });
      places[0]?.push(await send(plain));
      places[1]?.push(await send(numbered, i));
    }
    const expected = ["A", "B", "A", "B", "C", "A"].map((part) => `${topic}x${part}:Success`);
    assert.deepEqual(places, [expected, expected]);
  });

  it("a consumer of all shards takes from them in turn and skips empty ones", async () => {
    const topic = newTopic();
    const [a, b, c] = [
      await registers("producer", topic, "A"),
      await registers("producer", topic, "B"),
      await registers("producer", topic, "C"),
    ];
    const consumer = await registers("consumer", topic);
    for (const text of ["a1", "a2", "a3"]) await produces(a, text);
    for (const text of ["c1", "c2"]) await produces(c, text);
    const got = [];
    for (let i = 0; i < 4; i++) got.push((await consumes(consumer)).message);
    await produces(b, "b1");
    for (let i = 0; i < 2; i++) got.push((await consumes(consumer)).message);
    assert.deepEqual(got, ["a1", "c1", "a2", "c2", "a3", "b1"]);
  });

  it("sequence: a repeated one gets the first answer again, and nothing is doubled", async () => {
    const topic = newTopic();
    await succeeds("POST", "/topics/add", { topic, part: "A" });
    await succeeds("POST", "/topics/add", { topic, part: "B" });
    const consumer = await registers("consumer", topic);
    const producer = await registers("producer", topic);
    const places = [];
    for (const sequence of [0, 0, 1, 2, 2, 1, 0, 3])
      places.push((await produces(producer, `m${sequence}`, sequence)).at(-9));
    assert.deepEqual(places, ["A", "A", "B", "A", "A", "B", "A", "B"]);
    const got = [];
    for (let i = 0; i < 4; i++) got.push((await consumes(consumer)).message);
    assert.deepEqual(got, ["m0", "m1", "m2", "m3"]);
    await isEmpty(consumer);
  });

  it("sequence: many at once, each sent three times, are each there once", async () => {
    const topic = newTopic();
    const producer = await registers("producer", topic, "A");
    const consumer = await registers("consumer", topic);
    await Promise.all(Array.from({ length: 90 }, (_, i) => produces(producer, `m${i % 30}`, i % 30)));
    const got = new Set<string>();
    for (let i = 0; i < 30; i++) got.add((await consumes(consumer)).message);
    assert.equal(got.size, 30);
    await isEmpty(consumer);
  });

  it("after: a repeated one gets the same message again", async () => {
    const topic = newTopic();
    const producer = await registers("producer", topic, "A");
    const consumer = await registers("consumer", topic);
    for (const text of ["1", "2", "3"]) await produces(producer, text);
    const got = [];
    for (const after of [0, 0, 1, 2, 2]) got.push((await consumes(consumer, `&after=${after}`)).message);
    assert.deepEqual(got, ["1", "1", "2", "3", "3"]);
    assert.match(await fails("GET", `/consumer/consume?consumer_id=${consumer}&after=9`), /has taken 3/);
    assert.match(await fails("GET", `/consumer/consume?consumer_id=${consumer}&after=3`), /^Empty logs/);
  });

  it("GET /brokers, and adding, removing and testing them", async () => {
    const { message } = await succeeds("GET", "/brokers");
    assert.deepEqual(Object.keys(message), ["broker0"]);
    const before = (await queue.ask("GET", "/topics")).text;
    const tested = await succeeds("GET", "/brokers/test?broker_name=broker0");
    assert.match(tested.message, /All test cases are passed$/);
    assert.equal((await queue.ask("GET", "/topics")).text, before);
    assert.equal(await fails("GET", "/brokers/test?broker_name=broker7"), "broker7 does not exist");
    assert.match(await fails("GET", "/brokers/add?broker_name=broker1"), /single process/);
    assert.match(await fails("GET", "/brokers/add?broker_name=all"), /every broker/);
    assert.match(await fails("GET", "/brokers/add"), /"broker_name" is missing/);
  });

  it("messages of any JSON type and any text come out as they went in", async () => {
    const topic = newTopic();
    const producer = await registers("producer", topic, "A");
    const consumer = await registers("consumer", topic);
    const messages = ["", "ünïcödé \u0000 \n 😀", 5, { a: [1, null] }, [], true, null, "null", "5"];
    for (const message of messages) await produces(producer, message);
    for (const message of messages) assert.deepEqual((await consumes(consumer)).message, message);
  });

  it("bodies are JSON whatever the Content-Type says, and every failure is 400", async () => {
    const topic = newTopic();
    const body = JSON.stringify({ topic, part: "A" });
    const asForm = await queue.ask("POST", "/topics/add", body, {
      "content-type": "application/x-www-form-urlencoded",
    });
    assert.equal(asForm.status, 200);
    assert.match(await fails("POST", "/topics/add", '{"topic":'), /at byte 9/);
    assert.match(await fails("POST", "/topics/add", "[1]"), /a JSON object is expected/);
    assert.match(await fails("POST", "/topics/add"), /at byte 0/);
    assert.match(await fails("GET", "/nothing/here"), /no such path/);
    assert.match(await fails("PUT", "/topics"), /no such path/);
    const producer = await registers("producer", topic, "A");
    const large = { producer_id: producer, message: "x".repeat(1001) };
    assert.match(await fails("POST", "/producer/produce", large), /1001 bytes; at most 1000/);
    assert.match(await fails("POST", "/producer/produce", "x".repeat(17 * 1024 * 1024)), /longer than/);
  });

  it("registrations, offsets and pointers survive a restart", async () => {
    const topic = newTopic();
    const first = await serveQueue();
    const post = (target: string, body: unknown, on = first) =>
      on.ask("POST", target, body).then(({ json }) => json.message);
    for (const part of ["A", "B", "C"]) await post("/topics/add", { topic, part });
    const producer = await post("/producer/register", { topic });
    const consumer = await post("/consumer/register", { topic });
    assert.equal(producer, 0);
    assert.equal(consumer, 0);
    for (const message of ["1", "2"]) await post("/producer/produce", { producer_id: producer, message });
    await first.ask("GET", `/consumer/consume?consumer_id=${consumer}`);
    await first.close(true);
    const second = await serveQueue({ dataDir: first.dataDir });
    const place = await post("/producer/produce", { producer_id: producer, message: "3" }, second);
    assert.equal(place, `${topic}xC:Success`);
    const got = [];
    for (let i = 0; i < 2; i++)
      got.push((await second.ask("GET", `/consumer/consume?consumer_id=${consumer}`)).json.message);
    assert.deepEqual(got, ["2", "3"]);
    assert.equal(await post("/producer/register", { topic }, second), 1);
    await second.close();
  });
});
