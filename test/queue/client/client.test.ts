// The client's producer and consumer on a real broker, over a way that loses one question and one answer in ten; the
// checker judges what they were told.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { RoundhouseError } from "../../../src/errors.ts";
import { seededRandom } from "../../../src/load/random.ts";
import { type LocalNode, openLocalNode } from "../../../src/queue/broker/local-node.ts";
import type { QueueApi } from "../../../src/queue/client/api.ts";
import { openConsumerOn } from "../../../src/queue/client/consumer.ts";
import { createProducerOn, type Producer } from "../../../src/queue/client/producer.ts";
import type { Message } from "../../../src/queue/message.ts";
import { createLog } from "../../../src/telemetry/log.ts";
import { checkHistory } from "../../checker/check.ts";
import type { Poll, Produce } from "../../checker/history.ts";
import { createNodeApi, type Faults } from "./node-api.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-client-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let directories = 0;

interface Stand {
  readonly api: QueueApi;
  readonly node: LocalNode;
  readonly faults: Faults;
}

async function withQueue(run: (stand: Stand) => Promise<void>, loss = 0): Promise<void> {
  const dataDir = join(folder, String(++directories));
  const log = createLog({ level: "silent" });
  const node = await openLocalNode({ dataDir, log, tablets: 4, durability: "written" });
  const faults = { lostQuestions: 0, lostAnswers: 0 };
  const api = createNodeApi(node, faults, seededRandom(directories));
  try {
    await api.createTopic("orders", 3, {});
    Object.assign(faults, { lostQuestions: loss, lostAnswers: loss });
    await run({ api, node, faults });
  } finally {
    await node.close();
  }
}

const rejectsWith = (code: string) => (error: { code?: string }) => error.code === code;
const textOf = (message: Message): string => String(message.value);

async function sendAndNote(producer: Producer, process: string, value: string, history: (Produce | Poll)[]) {
  const startedAt = performance.now();
  const { shard, offset } = await producer.send("orders", {
    value,
    key: `key ${value.length % 7}${value.at(-1)}`,
  });
  const times = { startedAt, endedAt: performance.now() };
  history.push({ kind: "produce", process, shard, values: [value], offset, outcome: "ok", ...times });
}

describe("the client", () => {
  it("stores every message once and in order, and reads each once, when questions and answers are lost", () =>
    withQueue(async ({ api }) => {
      const history: (Produce | Poll)[] = [];
      const producers = [1, 2].map(() => createProducerOn(api, false, { batchMessagesMax: 7, lingerMs: 1 }));
      const consumers = await Promise.all(
        ["a", "b"].map((name) => openConsumerOn(api, false, "orders", name)),
      );
      const sends = producers.flatMap((producer, p) =>
        Array.from({ length: 400 }, (_, i) => sendAndNote(producer, `p${p}`, `${p}-${i}`, history)),
      );
      const reads = consumers.map(async (consumer) => {
        for (let count = 0; count < 800; ) {
          const startedAt = performance.now();
          for (const message of await consumer.poll({ waitMs: 5000, messagesMax: 50 })) {
            const messages = [{ offset: message.offset, value: textOf(message) }];
            const times = { startedAt, endedAt: performance.now() };
            history.push({ kind: "poll", process: consumer.name, shard: message.shard, messages, ...times });
            count++;
          }
        }
      });
      await Promise.all([...sends, ...reads]);
      assert.deepEqual(checkHistory(history), []);
      // Order within a shard is the order of the calls, also of those that were under way together.
      for (const producer of ["0", "1"]) {
        const last = new Map<string, number>();
        for (const one of history) {
          if (one.kind !== "poll" || one.process !== "a") continue;
          const [owner, number] = String(one.messages[0]?.value).split("-");
          if (owner !== producer) continue;
          assert.ok(
            Number(number) > (last.get(one.shard) ?? -1),
            `${one.shard}: ${number} after ${last.get(one.shard)}`,
          );
          last.set(one.shard, Number(number));
        }
      }
      await Promise.all([...producers, ...consumers].map((one) => one.close()));
    }, 0.1));

  it("sends one batch for what is sent within the linger", () =>
    withQueue(async ({ api }) => {
      let batches = 0;
      const counting: QueueApi = {
        ...api,
        append(...args) {
          batches++;
          return api.append(...args);
        },
      };
      const producer = createProducerOn(counting, false, { lingerMs: 20 });
      const sends = Array.from({ length: 100 }, (_, i) =>
        producer.send("orders", { value: `${i}` }, { shard: "P2" }),
      );
      const places = await Promise.all(sends);
      assert.deepEqual(
        places.map((place) => place.offset),
        Array.from({ length: 100 }, (_, i) => i),
      );
      assert.equal(batches, 1);
      await producer.close();
      await assert.rejects(producer.send("orders", { value: "x" }), rejectsWith("SHUTTING_DOWN"));
    }));

  it("holds no more than its buffer, and sends an endless source by its room", () =>
    withQueue(async ({ api }) => {
      let held = 0;
      let heldMost = 0;
      const slow: QueueApi = {
        ...api,
        async append(to, batch) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          const offset = await api.append(to, batch);
          held = 0;
          return offset;
        },
      };
      const producer = createProducerOn(slow, false, { bufferBytesMax: 10_000, batchMessagesMax: 5 });
      const value = "x".repeat(968);
      const flood = Array.from({ length: 50 }, () => producer.send("orders", { value }));
      const outcomes = await Promise.allSettled(flood);
      const refused = outcomes.filter((one) => one.status === "rejected");
      assert.ok(refused.length > 0 && refused.every((one) => rejectsWith("FULL")(one.reason)));
      function* source() {
        for (let i = 0; i < 300; i++) {
          heldMost = Math.max(heldMost, ++held);
          yield { value };
        }
      }
      assert.equal(await producer.sendAll("orders", source()), 300);
      assert.ok(heldMost <= 12, `${heldMost} taken between two acknowledgements`);
      await producer.close();
    }));

  it("asks a shard's owner, and the queue's own address when that does not answer", () =>
    withQueue(async ({ api }) => {
      const asked: (string | null)[] = [];
      let ownerLives = true;
      const owned: QueueApi = {
        ...api,
        async topic(name) {
          const view = await api.topic(name);
          const owner = ownerLives ? "http://owner" : null;
          return { ...view, shards: view.shards.map((shard) => ({ ...shard, owner })) };
        },
        append(to, batch) {
          asked.push(to.at ?? null);
          const gone = new RoundhouseError("UNREACHABLE", "gone", { retryable: true });
          return to.at && !ownerLives ? Promise.reject(gone) : api.append(to, batch);
        },
      };
      const producer = createProducerOn(owned, true);
      await producer.send("orders", { value: "1" }, { shard: "P1" });
      ownerLives = false;
      await producer.send("orders", { value: "2" }, { shard: "P1" });
      await producer.send("orders", { value: "3" }, { shard: "P1" });
      assert.deepEqual(asked, ["http://owner", "http://owner", null, null]);
      await producer.close();
    }));

  it("gives a message up after a while, and goes on with the next under another id", () =>
    withQueue(async ({ api, faults }) => {
      const producer = createProducerOn(api, false, { retryMs: 150 });
      await producer.send("orders", { value: "1" }, { shard: "P1" });
      faults.lostAnswers = 1;
      await assert.rejects(
        producer.send("orders", { value: "2" }, { shard: "P1" }),
        rejectsWith("UNREACHABLE"),
      );
      faults.lostAnswers = 0;
      await producer.send("orders", { value: "3" }, { shard: "P1" });
      const consumer = await openConsumerOn(api, false, "orders", "c");
      const texts = (await consumer.poll({ waitMs: 2000 })).map(textOf);
      assert.deepEqual(texts, ["1", "2", "3"]);
      await consumer.close();
    }));

  it("refuses what cannot be sent, and says why", () =>
    withQueue(async ({ api }) => {
      const producer = createProducerOn(api, false);
      await assert.rejects(
        producer.send("orders", { value: "x" }, { shard: "P9" }),
        /no shard "P9"; it has P1, P2, P3/,
      );
      await assert.rejects(producer.send("nothing", { value: "x" }), rejectsWith("NOT_FOUND"));
      await assert.rejects(
        producer.send("orders", { value: "x".repeat(2 ** 20 + 1) }),
        /at most 1048576 are accepted/,
      );
      assert.deepEqual(await producer.send("orders", { value: "fine" }, { shard: "P1" }), {
        shard: "P1",
        offset: 0,
      });
      await producer.close();
    }));

  it("goes on where a consumer of that name committed, in an iteration too", () =>
    withQueue(async ({ api }) => {
      const producer = createProducerOn(api, false);
      for (let i = 0; i < 6; i++) await producer.send("orders", { value: `${i}` }, { shard: "P1" });
      const first = await openConsumerOn(api, false, "orders", "billing");
      const seen: string[] = [];
      for await (const message of first) {
        seen.push(textOf(message));
        if (seen.length === 4) break; // The fourth is not done with: it comes again.
      }
      await first.close();
      const second = await openConsumerOn(api, false, "orders", "billing");
      assert.equal(await second.lag(), 3);
      seen.push(...(await second.poll({ waitMs: 2000 })).map(textOf));
      assert.deepEqual(seen, ["0", "1", "2", "3", "3", "4", "5"]);
      assert.equal(await second.lag(), 0);
      await second.seek({ shard: "P1", offset: 5 });
      assert.deepEqual((await second.poll({ waitMs: 2000 })).map(textOf), ["5"]);
      await second.commit();
      await second.seek("beginning");
      assert.equal((await second.poll({ waitMs: 2000 })).length, 6);
      await second.close();
      await assert.rejects(second.poll(), rejectsWith("SHUTTING_DOWN"));
      await producer.close();
    }));

  it("waits for a message as long as it is told, until the signal", () =>
    withQueue(async ({ api }) => {
      const consumer = await openConsumerOn(api, false, "orders", "c");
      assert.deepEqual(await consumer.poll({ waitMs: 20 }), []);
      const stop = new AbortController();
      const polling = consumer.poll({ waitMs: 60_000, signal: stop.signal });
      stop.abort();
      await assert.rejects(polling, { name: "AbortError" });
      const producer = createProducerOn(api, false);
      const next = consumer.poll({ waitMs: 60_000 });
      await producer.send("orders", { value: "here" });
      assert.deepEqual((await next).map(textOf), ["here"]);
      await consumer.close();
      await producer.close();
    }));

  it("reads what is there by polls that do not wait, one right after the other", () =>
    withQueue(async ({ api, faults }) => {
      const producer = createProducerOn(api, false, { batchMessagesMax: 5 });
      const values = Array.from({ length: 207 }, (_, i) => String(i));
      await producer.sendAll(
        "orders",
        values.map((value) => ({ value })),
      );
      const consumer = await openConsumerOn(api, false, "orders", "c", { readAheadBytes: 300 });
      const seen: string[] = [];
      for (;;) {
        const messages = await consumer.poll();
        if (messages.length === 0) break; // and not before all have come
        seen.push(...messages.map(textOf));
      }
      const byNumber = (a: string, b: string) => Number(a) - Number(b);
      assert.deepEqual(seen.sort(byNumber), values);

      await producer.send("orders", { value: "later" });
      const untilMs = performance.now() + 15_000;
      let later: readonly Message[] = [];
      while (later.length === 0 && performance.now() < untilMs) later = await consumer.poll();
      assert.deepEqual(later.map(textOf), ["later"]);

      const cutOff = await openConsumerOn(api, false, "orders", "cut off");
      faults.lostQuestions = 1;
      assert.deepEqual(await cutOff.poll(), [], "a queue that is away holds no poll up");
      faults.lostQuestions = 0;
      for (const one of [consumer, cutOff]) await one.close();
      await producer.close();
    }));

  it("finds shards that were added", () =>
    withQueue(async ({ api, node }) => {
      const consumer = await openConsumerOn(api, false, "orders", "c", { newShardsEveryMs: 50 });
      await consumer.poll();
      await node.control({ kind: "addShard", topic: "orders", shard: "P4", createTopic: false });
      const producer = createProducerOn(api, false);
      await producer.send("orders", { value: "new" }, { shard: "P4" });
      const untilMs = performance.now() + 15_000;
      let texts: string[] = [];
      while (texts.length === 0 && performance.now() < untilMs) {
        texts = (await consumer.poll({ waitMs: 100 })).map(textOf);
      }
      assert.deepEqual(texts, ["new"]);
      await consumer.close();
      await producer.close();
    }));
});
