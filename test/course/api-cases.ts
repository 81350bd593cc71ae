// The course project's contract as test cases, each on topics of its own, so that they may run on a queue in use and
// more than once. They go by the contract's text alone.
import assert from "node:assert/strict";
import { type ApiCaller, refused, succeeded } from "./api-caller.ts";

export interface ApiCase {
  readonly name: string;
  run(host: ApiHost): Promise<void>;
}

export interface ApiHost {
  readonly api: ApiCaller;
  /** What consumers may use as well. */
  readonly readApi: ApiCaller;
  /** A name that nobody else uses. */
  name(prefix: string): string;
}

const producer = async (api: ApiCaller, topic: string, part?: string): Promise<number> =>
  id(succeeded(await api.post("/producer/register", part === undefined ? { topic } : { topic, part })));

const consumer = async (api: ApiCaller, topic: string, part?: string): Promise<number> =>
  id(succeeded(await api.post("/consumer/register", part === undefined ? { topic } : { topic, part })));

const produce = async (api: ApiCaller, producer_id: number | string, message: string): Promise<unknown> =>
  succeeded(await api.post("/producer/produce", { producer_id, message }));

const size = async (api: ApiCaller, consumer_id: number): Promise<unknown> =>
  succeeded(await api.get(`/size?consumer_id=${consumer_id}`));

/** All that a consumer has left: `T1:P1 message`. */
async function readAll(api: ApiCaller, consumer_id: number): Promise<string[]> {
  const read: string[] = [];
  for (;;) {
    const reply = await api.get(`/consumer/consume?consumer_id=${consumer_id}`);
    if (reply.status !== 200) {
      assert.match(String(reply.message), /^Empty logs for Comsumer:/);
      return read;
    }
    read.push(`${reply.topic} ${reply.message}`);
  }
}

function id(message: unknown): number {
  assert.ok(
    Number.isSafeInteger(message) && Number(message) >= 0,
    `an id is expected: ${JSON.stringify(message)}`,
  );
  return Number(message);
}

const topicsOf = async (api: ApiCaller): Promise<Record<string, Record<string, string>>> =>
  succeeded(await api.get("/topics")) as Record<string, Record<string, string>>;

const namesOf = (brokers: unknown): string[] =>
  Array.isArray(brokers)
    ? brokers.map((one) => (typeof one === "string" ? one : String((one as { name?: unknown }).name)))
    : Object.keys(brokers as object);

export const apiCases: readonly ApiCase[] = [
  {
    name: "topics/add creates a shard once, and topics shows it with its owner",
    async run({ api, name }) {
      const topic = name("T");
      assert.equal(
        succeeded(await api.post("/topics/add", { topic, part: "P1" })),
        `Topic:${topic}xP1 created successfully`,
      );
      assert.equal(
        refused(await api.post("/topics/add", { topic, part: "P1" })),
        `${topic}:P1 already exist`,
      );
      const shards = (await topicsOf(api))[topic];
      assert.deepEqual(Object.keys(shards ?? {}), ["P1"]);
      assert.ok(namesOf(succeeded(await api.get("/brokers"))).includes(String(shards?.P1)));
    },
  },
  {
    name: "topics lists shards in the order of their creation, whatever they are called",
    async run({ api, name }) {
      const topic = name("T");
      for (const part of ["p", "10", "9", "P1"]) succeeded(await api.post("/topics/add", { topic, part }));
      const text = JSON.stringify((await topicsOf(api))[topic]);
      assert.match(text, /"p":/);
      assert.equal(Object.keys(JSON.parse(text)).length, 4);
    },
  },
  {
    name: "producer/register creates what it names, and refuses a topic without shards",
    async run({ api, name }) {
      const topic = name("T");
      await producer(api, topic, "P1");
      await producer(api, topic, "P2");
      assert.deepEqual(Object.keys((await topicsOf(api))[topic] ?? {}), ["P1", "P2"]);
      const other = name("T9");
      const text = refused(await api.post("/producer/register", { topic: other }));
      assert.equal(text, `${other} does not exist thus no partitions are available`);
    },
  },
  {
    name: "consumer/register refuses what does not exist",
    async run({ api, name }) {
      const topic = name("T3");
      const text = refused(await api.post("/consumer/register", { topic }));
      assert.equal(text, `${topic} does not exist, thus can not register as consumer`);
      await producer(api, topic, "P1");
      const part = refused(await api.post("/consumer/register", { topic, part: "P2" }));
      assert.equal(part, `${topic}:P2 does not exist, thus can not register as consumer`);
    },
  },
  {
    name: "produce tells where the message went, consume brings it with its shard, then the logs are empty",
    async run({ api, name }) {
      const topic = name("T");
      const p = await producer(api, topic, "P1");
      const c = await consumer(api, topic, "P1");
      const all = await consumer(api, topic);
      assert.equal(await produce(api, p, "one"), `${topic}xP1:Success`);
      assert.equal(await produce(api, `${p}`, "zwei ☂ \n 3"), `${topic}xP1:Success`);
      const first = await api.get(`/consumer/consume?consumer_id=${c}`);
      assert.deepEqual([succeeded(first), first.topic], ["one", `${topic}:P1`]);
      assert.deepEqual(await readAll(api, c), [`${topic}:P1 zwei ☂ \n 3`]);
      const empty = refused(await api.get(`/consumer/consume?consumer_id=${c}`));
      assert.equal(empty, `Empty logs for Comsumer:${c} for Topic:${topic}xP1`);
      assert.equal((await readAll(api, all)).length, 2);
      const emptyAll = refused(await api.get(`/consumer/consume?consumer_id=${all}`));
      assert.equal(emptyAll, `Empty logs for Comsumer:${all} for Topic:${topic}x*`);
    },
  },
  {
    name: "a consumer reads everything from the moment it registered, and nothing older",
    async run({ api, name }) {
      const topic = name("T");
      const p = await producer(api, topic, "P1");
      await produce(api, p, "before");
      const c = await consumer(api, topic, "P1");
      await produce(api, p, "after");
      assert.deepEqual(await readAll(api, c), [`${topic}:P1 after`]);
    },
  },
  {
    name: "two consumers of a shard both get every message, in one order",
    async run({ api, name }) {
      const topic = name("T");
      const consumers: number[] = [];
      const producers = [await producer(api, topic, "P1"), await producer(api, topic, "P1")];
      for (let i = 0; i < 2; i++) consumers.push(await consumer(api, topic, "P1"));
      const sends = Array.from({ length: 20 }, (_, i) => produce(api, producers[i % 2] as number, `m${i}`));
      await Promise.all(sends);
      const [a, b] = [await readAll(api, consumers[0] as number), await readAll(api, consumers[1] as number)];
      assert.equal(new Set(a).size, 20);
      assert.deepEqual(a, b);
    },
  },
  {
    name: "size counts what a consumer has yet to read, over its shards",
    async run({ api, name }) {
      const topic = name("T");
      const one = await producer(api, topic, "P1");
      const two = await producer(api, topic, "P2");
      const c = await consumer(api, topic);
      assert.equal(await size(api, c), 0);
      for (const p of [one, two, two]) await produce(api, p, "x");
      assert.equal(await size(api, c), 3);
      succeeded(await api.get(`/consumer/consume?consumer_id=${c}`));
      assert.equal(await size(api, c), 2);
      refused(await api.get("/size?consumer_id=987654321"));
    },
  },
  {
    name: "a registration without part goes round robin, in the order of creation, and includes later shards",
    async run({ api, name }) {
      const topic = name("T");
      for (const part of ["p", "P1"]) succeeded(await api.post("/topics/add", { topic, part }));
      const p = await producer(api, topic);
      const places: unknown[] = [];
      for (let i = 0; i < 3; i++) places.push(await produce(api, p, `m${i}`));
      assert.equal(places.filter((place) => place === `${topic}xp:Success`).length, 2, places.join(", "));
      assert.equal(places.filter((place) => place === `${topic}xP1:Success`).length, 1, places.join(", "));
      succeeded(await api.post("/topics/add", { topic, part: "P2" }));
      const later: unknown[] = [];
      for (let i = 0; i < 3; i++) later.push(await produce(api, p, `m${i}`));
      assert.ok(later.includes(`${topic}xP2:Success`), later.join(", "));
    },
  },
  {
    name: "a consumer without part takes from its shards in turn, skips empty ones, and includes later shards",
    async run({ api, name }) {
      const topic = name("T");
      const one = await producer(api, topic, "P1");
      await producer(api, topic, "P2");
      const c = await consumer(api, topic);
      await produce(api, one, "a");
      await produce(api, one, "b");
      const later = await producer(api, topic, "P3");
      await produce(api, later, "c");
      const read = await readAll(api, c);
      assert.deepEqual([...read].sort(), [`${topic}:P1 a`, `${topic}:P1 b`, `${topic}:P3 c`]);
      assert.ok(read.indexOf(`${topic}:P1 a`) < read.indexOf(`${topic}:P1 b`));
    },
  },
  {
    name: "a repeated sequence is stored once and gets the first answer; a repeated after gets the same message",
    async run({ api, name }) {
      const topic = name("T");
      for (const part of ["P1", "P2"]) succeeded(await api.post("/topics/add", { topic, part }));
      const p = await producer(api, topic);
      const c = await consumer(api, topic);
      const answers: unknown[] = [];
      for (const sequence of [0, 0, 1, 1, 2]) {
        const body = { producer_id: p, message: `m${sequence}`, sequence };
        answers.push(succeeded(await api.post("/producer/produce", body)));
      }
      assert.equal(answers[0], answers[1]);
      assert.equal(answers[2], answers[3]);
      assert.equal(await size(api, c), 3);
      const texts: string[] = [];
      for (const after of [0, 0, 1, 1, 2]) {
        const reply = await api.get(`/consumer/consume?consumer_id=${c}&after=${after}`);
        texts.push(`${reply.topic} ${succeeded(reply)}`);
      }
      assert.equal(texts[0], texts[1]);
      assert.equal(texts[2], texts[3]);
      assert.equal(new Set(texts).size, 3);
      refused(await api.get(`/consumer/consume?consumer_id=${c}&after=3`));
    },
  },
  {
    name: "what makes no sense is refused with 400 and a message",
    async run({ api, name }) {
      const topic = name("T");
      assert.match(
        refused(await api.post("/producer/produce", { producer_id: 987654321, message: "x" })),
        /./,
      );
      refused(await api.post("/producer/produce", { producer_id: "one", message: "x" }));
      refused(await api.get("/consumer/consume?consumer_id=987654321"));
      refused(await api.get("/consumer/consume"));
      refused(await api.postText("/topics/add", `{"topic": "${topic}", `));
      refused(await api.postText("/topics/add", ""));
      refused(await api.post("/topics/add", { topic }));
      for (const bad of ["..", ".", "a b", "a/b", "", "x".repeat(250), "ü"]) {
        refused(await api.post("/topics/add", { topic: bad, part: "P1" }));
      }
      refused(await api.get("/consumer/nothing-here"));
      refused(await api.get("/brokers/nothing-here"));
      assert.equal((await topicsOf(api))[topic], undefined);
    },
  },
  {
    name: "brokers are listed, added once, tested, and removed without losing anything",
    async run({ api, name }) {
      const broker = name("broker");
      const topic = name("T");
      const p = await producer(api, topic, "P1");
      const c = await consumer(api, topic, "P1");
      await produce(api, p, "kept");
      assert.ok(namesOf(succeeded(await api.get("/brokers"))).length > 0);
      assert.equal(
        succeeded(await api.get(`/brokers/add?broker_name=${broker}`)),
        `successfully added ${broker}`,
      );
      assert.equal(refused(await api.get(`/brokers/add?broker_name=${broker}`)), `${broker} already exist`);
      assert.ok(namesOf(succeeded(await api.get("/brokers"))).includes(broker));
      const topics = Object.keys(await topicsOf(api));
      assert.match(
        String(succeeded(await api.get(`/brokers/test?broker_name=${broker}`))),
        /All test cases are passed$/,
      );
      assert.deepEqual(Object.keys(await topicsOf(api)), topics);
      await produce(api, p, "kept too");
      assert.equal(succeeded(await api.get(`/brokers/rm?broker_name=${broker}`)), `Removed ${broker}`);
      assert.equal(refused(await api.get(`/brokers/rm?broker_name=${broker}`)), `${broker} does not exist`);
      assert.equal(refused(await api.get(`/brokers/test?broker_name=${broker}`)), `${broker} does not exist`);
      assert.ok(!namesOf(succeeded(await api.get("/brokers"))).includes(broker));
      assert.deepEqual(await readAll(api, c), [`${topic}:P1 kept`, `${topic}:P1 kept too`]);
    },
  },
  {
    name: "the read port serves what consumers do",
    async run({ api, readApi, name }) {
      const topic = name("T");
      const p = await producer(api, topic, "P1");
      const c = await consumer(readApi, topic, "P1");
      await produce(api, p, "read");
      assert.equal(await size(readApi, c), 1);
      assert.deepEqual(await readAll(readApi, c), [`${topic}:P1 read`]);
      assert.ok((await topicsOf(readApi))[topic] !== undefined);
      assert.ok(namesOf(succeeded(await readApi.get("/brokers"))).length > 0);
    },
  },
];

/** Stops all serving for a moment, so it runs only when it is asked for. */
export const allBrokersCase: ApiCase = {
  name: "removing all brokers keeps the data, and adding one revives it",
  async run({ api, name }) {
    const topic = name("T");
    const p = await producer(api, topic, "P1");
    const c = await consumer(api, topic, "P1");
    await produce(api, p, "kept");
    const brokers = namesOf(succeeded(await api.get("/brokers")));
    assert.equal(succeeded(await api.get("/brokers/rm?broker_name=all")), "Removed all brokers");
    for (const broker of brokers) {
      assert.equal(
        succeeded(await api.get(`/brokers/add?broker_name=${broker}`)),
        `successfully added ${broker}`,
      );
    }
    await produce(api, p, "and more");
    assert.deepEqual(await readAll(api, c), [`${topic}:P1 kept`, `${topic}:P1 and more`]);
  },
};
