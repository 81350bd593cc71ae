// Several brokers as real processes: whichever is asked, it hands on to the shard's owner, and what meets a change of
// owners waits for the next one. Brokers are really killed.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type ControlPlane, openControlPlane } from "../../../src/queue/control/control-plane.ts";
import type { MappedBroker, QueueMap } from "../../../src/queue/map.ts";
import { createLog } from "../../../src/telemetry/log.ts";

const PATIENCE_MS = 30_000;
const dataDir = mkdtempSync(join(tmpdir(), "brokers-http-"));
let plane: ControlPlane;

const isServed = (map: QueueMap, brokers: number): boolean =>
  new Set(map.tablets.map(({ owner }) => owner)).size === brokers &&
  map.tablets.every(({ owner }) => owner !== null);
const comes = (isSo: (map: QueueMap) => boolean) =>
  plane.desk.mapWhere((map) => (isSo(map) ? map : undefined), PATIENCE_MS);

before(async () => {
  plane = await openControlPlane({
    dataDir,
    log: createLog({ level: "silent" }),
    brokerCount: 2,
    tablets: 6,
  });
  await comes((map) => isServed(map, 2));
});
after(async () => {
  await plane.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const live = (): MappedBroker[] =>
  plane.map().brokers.filter(({ phase, port }) => phase === "live" && port > 0);

interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly json: any;
}

async function askAt(
  broker: MappedBroker,
  method: string,
  target: string,
  body?: unknown,
  headers = {},
): Promise<Reply> {
  const answer = await fetch(`http://${broker.host}:${broker.port}${target}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text === "" ? null : JSON.parse(text) };
}

let turn = 0;
/** Asks the brokers in turn. */
function ask(method: string, target: string, body?: unknown, headers = {}): Promise<Reply> {
  const brokers = live();
  return askAt(brokers[turn++ % brokers.length] as MappedBroker, method, target, body, headers);
}

/** Asks until some broker answers: a connection that breaks tells nothing about what was done. */
async function insist(method: string, target: string, body?: unknown, headers = {}): Promise<Reply> {
  for (const endMs = performance.now() + PATIENCE_MS; ; ) {
    try {
      const reply = await ask(method, target, body, headers);
      if (
        reply.status !== 503 &&
        !(reply.status === 400 && /Cannot tell|No broker could/.test(reply.json.message))
      )
        return reply;
    } catch {
      // the broker is gone, or has just gone
    }
    assert.ok(performance.now() < endMs, `${method} ${target}: nobody answers`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function pidOf(name: string): number {
  const recorded = JSON.parse(readFileSync(join(dataDir, "brokers.json"), "utf8")) as { pid: number }[];
  const found = recorded.find(({ pid }) =>
    readFileSync(`/proc/${pid}/environ`, "utf8").includes(`"name":"${name}"`),
  );
  assert.ok(found !== undefined);
  return found.pid;
}

/** Brokers tell them every ten seconds. */
async function lagsShow(wanted: readonly (readonly [string, number])[]): Promise<void> {
  const shown = () => new Map(plane.figures().lags.map(({ consumer, lag }) => [consumer, lag]));
  for (const endMs = performance.now() + PATIENCE_MS; ; ) {
    const lags = shown();
    if (wanted.every(([consumer, lag]) => lags.get(consumer) === lag)) return;
    assert.ok(performance.now() < endMs, `${JSON.stringify([...lags])} instead of ${JSON.stringify(wanted)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const shardNames = ["A", "B", "C", "D", "E", "F"];

describe("several brokers", () => {
  it("serve every shard of a topic, whichever of them is asked", async () => {
    assert.equal((await ask("POST", "/v1/topics", { name: "spread", shards: shardNames })).status, 201);
    const { json: described } = await ask("GET", "/v1/topics/spread");
    assert.equal(new Set(described.shards.map((shard: { owner: string }) => shard.owner)).size, 2);
    for (const broker of live()) {
      const messages = Array.from({ length: 60 }, (_, i) => ({ key: `k${i}`, value: `${broker.name} ${i}` }));
      const produced = await askAt(broker, "POST", "/v1/topics/spread/records", messages);
      assert.equal(produced.status, 200, JSON.stringify(produced.json));
    }
    const read = async (broker: MappedBroker) => {
      const found = await Promise.all(
        shardNames.map((shard) => askAt(broker, "GET", `/v1/topics/spread/shards/${shard}/records`)),
      );
      return found.flatMap(({ json }) => json.messages.map((m: { value: string }) => m.value));
    };
    const [first, second] = await Promise.all(live().map(read));
    assert.equal(new Set(first).size, 120);
    assert.deepEqual(first, second);
  });

  it("hand on many appends at once, each of which is stored or refused alone", async () => {
    await ask("POST", "/v1/topics", { name: "many", shards: shardNames });
    const { json: described } = await ask("GET", "/v1/topics/many");
    const { json: producer } = await ask("POST", "/v1/producers");
    for (const { name: shard, owner } of described.shards) {
      const other = live().find(({ name }) => name !== owner) as MappedBroker;
      const path = `/v1/topics/many/shards/${shard}/records`;
      const ids = { "producer-id": String(producer.producer_id) };
      const plain = Array.from({ length: 40 }, (_, i) => askAt(other, "POST", path, { value: `m${i}` }));
      const mismatch = askAt(other, "POST", `${path}?expected_offset=99`, { value: "no" });
      const numbered = await askAt(
        other,
        "POST",
        path,
        { value: "once" },
        { ...ids, "producer-sequence": "0" },
      );
      const again = askAt(other, "POST", path, { value: "once" }, { ...ids, "producer-sequence": "0" });
      const gap = askAt(other, "POST", path, { value: "no" }, { ...ids, "producer-sequence": "7" });
      const offsets = (await Promise.all(plain)).map(({ json }) => json.appended[0].base_offset);
      assert.equal(new Set([...offsets, numbered.json.appended[0].base_offset]).size, 41);
      assert.deepEqual([(await mismatch).status, (await mismatch).json.code], [409, "OFFSET_MISMATCH"]);
      assert.deepEqual([(await gap).status, (await gap).json.code], [409, "SEQUENCE_GAP"]);
      const repeated = { ...numbered.json.appended[0], duplicate: true };
      assert.deepEqual((await again).json.appended[0], repeated);
      const { json: read } = await askAt(other, "GET", `${path}?max_messages=1000`);
      assert.deepEqual([read.end, read.messages.length], [41, 41]);
    }
  });

  it("wait for messages at another broker, in one shard and in all of a consumer's", async () => {
    assert.equal((await ask("POST", "/v1/topics/spread/consumers", { name: "c", from: "end" })).status, 201);
    for (const broker of live()) {
      for (const shard of shardNames) {
        const { json: before } = await askAt(
          broker,
          "GET",
          `/v1/topics/spread/shards/${shard}/records?max_messages=1`,
        );
        const path = `/v1/topics/spread/shards/${shard}/records`;
        const waiting = askAt(broker, "GET", `${path}?offset=${before.end}&wait_ms=20000`);
        const consuming = askAt(broker, "GET", "/v1/topics/spread/consumers/c/records?wait_ms=20000");
        await ask("POST", path, { value: "now" });
        assert.equal((await waiting).json.messages[0].value, "now");
        const { json: consumed } = await consuming;
        assert.deepEqual([consumed.shards[0].shard, consumed.shards[0].messages[0].value], [shard, "now"]);
        const offsets = { [shard]: consumed.shards[0].next };
        assert.equal(
          (await askAt(broker, "POST", "/v1/topics/spread/consumers/c/commit", { offsets })).status,
          204,
        );
      }
    }
  });

  it("keep the course's contract across their borders", async () => {
    for (const part of ["p", "P1"]) await ask("POST", "/topics/add", { topic: "T", part });
    const consumers = [];
    for (let i = 0; i < 6; i++)
      consumers.push((await ask("POST", "/consumer/register", { topic: "T" })).json.message);
    const producers = [];
    for (let i = 0; i < 6; i++)
      producers.push((await ask("POST", "/producer/register", { topic: "T" })).json.message);
    const sent: string[] = [];
    for (const producer_id of producers) {
      for (let i = 0; i < 3; i++) {
        sent.push(`${producer_id}-${i}`);
        const { json } = await ask("POST", "/producer/produce", {
          producer_id,
          message: `${producer_id}-${i}`,
        });
        assert.equal(json.message, `Tx${i === 1 ? "P1" : "p"}:Success`);
      }
    }
    await lagsShow(consumers.map((id) => [`consumer_id=${id}`, 18]));
    for (const id of consumers) {
      assert.equal((await ask("GET", `/size?consumer_id=${id}`)).json.message, 18);
      const got: string[] = [];
      for (let i = 0; i < 18; i++)
        got.push((await ask("GET", `/consumer/consume?consumer_id=${id}`)).json.message);
      assert.deepEqual(got.toSorted(), sent.toSorted());
      const { status, json } = await ask("GET", `/consumer/consume?consumer_id=${id}`);
      assert.deepEqual([status, json.message], [400, `Empty logs for Comsumer:${id} for Topic:Tx*`]);
    }
  });

  it("lose, double and reorder nothing when they are killed, with sequences and repetitions", async () => {
    await ask("POST", "/v1/topics", { name: "kills", shards: shardNames });
    const registered = await insist("POST", "/producer/register", { topic: "kills" });
    const consumer = (await insist("POST", "/consumer/register", { topic: "kills" })).json.message;
    const producer_id = registered.json.message;
    const { json: producer } = await insist("POST", "/v1/producers");
    const native = async (i: number) => {
      const headers = { "producer-id": String(producer.producer_id), "producer-sequence": String(i) };
      const { status, json } = await insist(
        "POST",
        "/v1/topics/kills/shards/A/records",
        { value: `native ${i}` },
        headers,
      );
      assert.equal(status, 200, JSON.stringify(json));
    };
    const course = async (i: number) => {
      const { status, json } = await insist("POST", "/producer/produce", {
        producer_id,
        message: `course ${i}`,
        sequence: i,
      });
      assert.equal(status, 200, JSON.stringify(json));
    };
    let killed = 0;
    const rounds = 60;
    for (let i = 0; i < rounds; i++) {
      if (i % 30 === 10) {
        const name = `broker${killed++ % 2}`;
        await comes((map) => map.brokers.some((one) => one.name === name && one.phase === "live"));
        process.kill(pidOf(name), "SIGKILL");
      }
      await Promise.all([native(i), course(i)]);
    }
    assert.equal(killed, 2);
    const got: string[] = [];
    for (;;) {
      const { status, json } = await insist(
        "GET",
        `/consumer/consume?consumer_id=${consumer}&after=${got.length}`,
      );
      if (status === 400 && /^Empty logs/.test(json.message)) break;
      assert.equal(status, 200, JSON.stringify(json));
      got.push(json.message);
    }
    const numbers = (kind: string) =>
      got.filter((text) => text.startsWith(kind)).map((text) => Number(text.split(" ")[1]));
    const all = Array.from({ length: rounds }, (_, i) => i);
    assert.deepEqual(numbers("native"), all);
    assert.deepEqual(
      numbers("course").toSorted((a, b) => a - b),
      all,
    );
  });

  it("are added, tested and removed, and a broker that is asked to remove itself answers", async () => {
    await comes((map) => isServed(map, 2));
    const added = await ask("GET", "/brokers/add?broker_name=extra");
    assert.deepEqual([added.status, added.json.message], [200, "successfully added extra"]);
    await comes((map) => isServed(map, 3));
    assert.equal((await ask("GET", "/brokers/add?broker_name=extra")).json.message, "extra already exist");
    for (const name of ["broker0", "extra"]) {
      const { json } = await ask("GET", `/brokers/test?broker_name=${name}`);
      assert.match(json.message, /All test cases are passed$/);
    }
    const topics = (await ask("GET", "/topics")).json.message;
    assert.deepEqual(Object.keys(topics), ["spread", "many", "T", "kills"]);
    const extra = live().find(({ name }) => name === "extra") as MappedBroker;
    const removed = await askAt(extra, "GET", "/brokers/rm?broker_name=extra");
    assert.deepEqual([removed.status, removed.json.message], [200, "Removed extra"]);
    await comes((map) => isServed(map, 2) && !map.brokers.some(({ name }) => name === "extra"));
    assert.equal((await ask("GET", "/brokers/rm?broker_name=extra")).json.message, "extra does not exist");
  });
});
