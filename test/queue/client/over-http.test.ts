// The client over the native HTTP API, on a broker in this process, and the command line on top of it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { connectQueue, type Message, type QueueClient } from "../../../src/queue/client/client.ts";
import { until } from "../../balancer/client.ts";
import { type Served, serveQueue } from "../http/served.ts";

let queue: Served;
let client: QueueClient;
before(async () => {
  queue = await serveQueue();
  client = connectQueue(`http://127.0.0.1:${queue.port}`);
});
after(async () => {
  client.close();
  await queue.close();
});

const rejectsWith = (code: string) => (error: { code?: string }) => error.code === code;
const textOf = (message: Message): string => String(message.value);

describe("the client over HTTP", () => {
  it("creates, lists, describes and deletes topics", async () => {
    const { api } = client;
    await api.createTopic("made", ["north", "south"], { ageMs: 60_000 });
    await assert.rejects(api.createTopic("made", 1, {}), rejectsWith("NAME_TAKEN"));
    assert.deepEqual(await api.topics(), [{ name: "made", shards: ["north", "south"] }]);
    const view = await api.topic("made");
    assert.deepEqual(
      view.shards.map(({ name, start, end }) => [name, start, end]),
      [
        ["north", 0, 0],
        ["south", 0, 0],
      ],
    );
    assert.equal(view.retention.ageMs, 60_000);
    await api.deleteTopic("made");
    await assert.rejects(api.topic("made"), rejectsWith("NOT_FOUND"));
  });

  for (const compression of ["none", "gzip"] as const) {
    it(`produces and consumes keys, headers, bytes and tombstones, compression ${compression}`, async () => {
      const topic = `forms-${compression}`;
      await client.api.createTopic(topic, 2, {});
      const producer = client.producer({ compression });
      const bytes = Buffer.from([0xff, 0, 0x80]);
      const sent = await Promise.all([
        producer.send(topic, {
          key: "k",
          value: "text ☂",
          headers: { trace: "7", none: null },
          timestampMs: 1000,
        }),
        producer.send(topic, { key: "k", value: bytes }),
        producer.send(topic, { key: "k", value: null }),
      ]);
      assert.deepEqual(
        sent.map((place) => place.offset),
        [0, 1, 2],
      );
      const consumer = await client.consumer(topic, "all");
      const messages: Message[] = [];
      while (messages.length < 3) messages.push(...(await consumer.poll({ waitMs: 5000 })));
      assert.deepEqual(
        messages.map((one) => one.value),
        [Buffer.from("text ☂"), bytes, null],
      );
      assert.equal(messages[0]?.timestampMs, 1000);
      assert.deepEqual(
        [...(messages[0]?.headers ?? [])],
        [
          ["trace", Buffer.from("7")],
          ["none", null],
        ],
      );
      await consumer.commit(messages[1]);
      await consumer.close();
      const again = await client.consumer(topic, "all");
      assert.deepEqual(
        (await again.poll({ waitMs: 5000 })).map((one) => one.value),
        [null],
      );
      assert.equal(await again.lag(), 0);
      await again.close();
      await producer.close();
    });
  }

  it("seeks to a time, to an offset, and to both ends; without a name too", async () => {
    await client.api.createTopic("times", 1, {});
    const producer = client.producer();
    for (const time of [1000, 2000, 3000])
      await producer.send("times", { value: `${time}`, timestampMs: time });
    for (const name of ["seeker", null]) {
      const consumer = await client.consumer("times", name, { from: "end" });
      assert.deepEqual(await consumer.poll(), []);
      for (const [place, texts] of [
        [{ timestampMs: 1500 }, ["2000", "3000"]],
        [{ shard: "P1", offset: 1 }, ["2000", "3000"]],
        ["beginning", ["1000", "2000", "3000"]],
        [{ timestampMs: 9000 }, []],
        ["end", []],
      ] as const) {
        await consumer.seek(place);
        assert.deepEqual(
          (await consumer.poll({ waitMs: 300 })).map(textOf),
          texts,
          `${name} ${JSON.stringify(place)}`,
        );
      }
      await assert.rejects(consumer.seek({ shard: "P1", offset: 9 }), rejectsWith("OFFSET_OUT_OF_RANGE"));
      await consumer.close();
    }
    await producer.close();
  });

  it("commits without waiting behind the long polls of hundreds of shards", async () => {
    await client.api.createTopic("wide", 300, {});
    const consumer = await client.consumer("wide", "c");
    const waiting = consumer.poll({ waitMs: 30_000 });
    await until("each shard is polled", () => queue.underWay >= 300);
    const producer = client.producer();
    const startedMs = performance.now();
    const { shard } = await producer.send("wide", { key: "k", value: "v" });
    assert.deepEqual(
      (await waiting).map((message) => message.shard),
      [shard],
    );
    await consumer.commit();
    // A poll waits for ten seconds.
    assert.ok(performance.now() - startedMs < 8000);
    await consumer.close();
    await producer.close();
  });

  it("iterates, and has committed what came before the last", async () => {
    await client.api.createTopic("walk", 3, {});
    const producer = client.producer();
    const count = await producer.sendAll(
      "walk",
      Array.from({ length: 500 }, (_, i) => ({ value: `${i}` })),
    );
    assert.equal(count, 500);
    const consumer = await client.consumer("walk", "walker");
    let seen = 0;
    for await (const _ of consumer) if (++seen === 500) break;
    await consumer.close();
    const next = await client.consumer("walk", "walker");
    assert.equal(await next.lag(), 1);
    await next.close();
    await producer.close();
  });
});

async function roundhouse(args: readonly string[], input = "") {
  const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
  const env = { ...process.env, ROUNDHOUSE_QUEUE: `http://127.0.0.1:${queue.port}` };
  const child = spawn(process.execPath, [main, ...args], { env });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (part: Buffer) => {
      texts[name] += part;
    });
  }
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number];
  return { code, ...texts };
}

describe("the command line", () => {
  it("creates a topic, produces lines, consumes them, and goes on where a consumer was", async () => {
    assert.match(
      (await roundhouse(["topic", "create", "cli", "--shards", "2"])).stdout,
      /created with P1, P2/,
    );
    const lines = [
      '{"key":"alice","value":"1 umbrella","headers":{"trace":"7"},"timestamp_ms":1700000000000}',
      '{"key":"alice","value_base64":"/wCA"}',
      '{"key":"alice","value":null}',
    ];
    const produced = await roundhouse(["produce", "cli"], lines.join("\n"));
    assert.deepEqual([produced.code, produced.stderr], [0, "3 messages produced\n"]);
    const first = await roundhouse(["consume", "cli", "--consumer", "c", "--count", "1"]);
    const message = JSON.parse(first.stdout) as Record<string, unknown>;
    assert.deepEqual({ ...message, shard: "" }, { shard: "", offset: 0, ...JSON.parse(lines[0] as string) });
    const rest = await roundhouse(["consume", "cli", "--consumer", "c", "--until-end"]);
    const values = rest.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      values.map((one) => one.value_base64 ?? one.value),
      ["/wCA", null],
    );
    // What was consumed may be produced again as it is.
    const all = await roundhouse(["consume", "cli", "--until-end"]);
    assert.equal(
      (await roundhouse(["produce", "cli", "--shard", "P1"], all.stdout)).stderr,
      "3 messages produced\n",
    );
    assert.match((await roundhouse(["topic", "describe", "cli"])).stdout, /^P[12] +0 +[36] +[36] /m);
    assert.match((await roundhouse(["topic", "list"])).stdout, /^cli +P1 P2$/m);
    assert.equal((await roundhouse(["topic", "delete", "cli"])).code, 0);
  });

  it("produces plain text, and consumes from an offset and from a time", async () => {
    await roundhouse(["topic", "create", "text"]);
    assert.equal((await roundhouse(["produce", "text", "--text", "--gzip"], "a\nb\n\nc")).code, 0);
    const from = async (place: string) =>
      (await roundhouse(["consume", "text", "--text", "--until-end", "--from", place])).stdout;
    assert.equal(await from("P1:1"), "b\n\nc\n");
    assert.equal(await from("2001-01-01T00:00:00Z"), "a\nb\n\nc\n");
    assert.equal(await from("end"), "");
  });

  it("names the line that is no message, after what came before it was produced", async () => {
    await roundhouse(["topic", "create", "bad"]);
    for (const [line, said] of [
      ["{", /line 2 as a message: .*For plain text, use --text/],
      ['{"value":1}', /line 2 as a message: "value" is no text/],
      ['{"key":"k"}', /line 2 as a message: there is no "value"/],
      ['{"value":"v","colour":"red"}', /line 2 as a message: unknown field "colour"/],
    ] as const) {
      const ended = await roundhouse(["produce", "bad"], `{"value":"fine"}\n${line}\n`);
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, said);
    }
    const { stdout } = await roundhouse(["consume", "bad", "--text", "--until-end"]);
    assert.equal(stdout, "fine\n".repeat(4));
  });

  it("verifies and dumps a queue that runs", async () => {
    await roundhouse(["topic", "create", "whole", "--shards", "2"]);
    await roundhouse(
      ["produce", "whole"],
      Array.from({ length: 50 }, (_, i) => `{"value":"${i}"}`).join("\n"),
    );
    const verified = await roundhouse(["queue", "verify", "--json"]);
    assert.equal(verified.code, 0, verified.stderr);
    const shards = verified.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const whole = shards.filter((shard) => shard.topic === "whole");
    assert.equal(
      whole.reduce((sum, shard) => sum + Number(shard.messages), 0),
      50,
    );
    const dumped = await roundhouse(["queue", "dump", "--topic", "whole"]);
    const values = dumped.stdout
      .trim()
      .split("\n")
      .map((line) => Number((JSON.parse(line) as { value: string }).value));
    assert.deepEqual(
      values.sort((a, b) => a - b),
      Array.from({ length: 50 }, (_, i) => i),
    );
  });

  it("says what is wrong with exit codes 1, 2 and 3", async () => {
    const missing = await roundhouse(["consume", "nowhere"]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /nowhere/);
    assert.equal((await roundhouse(["consume", "x", "--from", "yesterday"])).code, 2);
    const nobody = await roundhouse(["topic", "list", "--queue", "http://127.0.0.1:9"]);
    assert.equal(nobody.code, 3);
    assert.match(nobody.stderr, /No queue answers at http:\/\/127\.0\.0\.1:9 .*roundhouse up --queue/);
  });
});
