// `runproduce` and `runconsume` as processes, against a small server that speaks the contract and loses answers.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { originsOf } from "../../src/cli/course-command.ts";
import { createHttpClient } from "../../src/queue/client/http.ts";
import { runProduce } from "../../src/queue/client/run-produce.ts";
import { eventually } from "../cli/roundhouse-process.ts";
import { type StandIn, type StandInOptions, startStandIn } from "./stand-in.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-course-"));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  name: "runproduce" | "runconsume",
  args: readonly string[],
): { child: ChildProcess; ended: Promise<Ended> } {
  const main = fileURLToPath(new URL(`../../dist/cli/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.on("data", (part: Buffer) => {
      texts[name] += part;
    });
  }
  return { child, ended: once(child, "close").then(([code]) => ({ code: code as number | null, ...texts })) };
}

let id = 0;

/** Runs `runproduce` on this file to its end. */
function produce(queue: { port: number }, topics: string, text: string): Promise<Ended> {
  writeFileSync(join(folder, `producer_${++id}.txt`), text);
  return produceFile(queue, topics, id);
}

function produceFile(queue: { port: number }, topics: string, number: number): Promise<Ended> {
  const broker = `127.0.0.1:${queue.port}`;
  const args = [
    "--id",
    `${number}`,
    "--topics",
    ...topics.split(" "),
    "--broker",
    broker,
    "--log_loc",
    folder,
  ];
  return start("runproduce", args).ended;
}

function consume(queue: { port: number }, topics: string, timeout: string) {
  const number = ++id;
  const broker = `127.0.0.1:${queue.port}`;
  const args = [
    "--id",
    `${number}`,
    "--topics",
    ...topics.split(" "),
    "--broker",
    broker,
    "--log_loc",
    join(folder, "made"),
  ];
  return {
    ...start("runconsume", [...args, "--timeout_s", timeout]),
    lines: () => readFileSync(join(folder, "made", `consumer_${number}.txt`), "utf8"),
  };
}

async function withStandIn(options: StandInOptions, use: (queue: StandIn) => Promise<void>): Promise<void> {
  const queue = await startStandIn(options);
  try {
    await use(queue);
  } finally {
    await queue.close();
  }
}

function rows(count: number, places: readonly string[]): string {
  return Array.from({ length: count }, (_, i) => {
    const [topic, part] = (places[i % places.length] as string).split(":");
    return `21:52:${String(i).padStart(2, "0")}\tMSG${i}\t\t${part}\t\t${topic}`;
  }).join("\n");
}

describe("runproduce", () => {
  it("takes one row for each entry in turn, ends in the middle of a turn, without a final newline", () =>
    withStandIn({}, async (queue) => {
      const ended = await produce(queue, "T1:P1 T2:P2 T1:*", rows(5, ["T1:P1", "T2:P2", "T1:*"]));
      assert.deepEqual([ended.code, ended.stdout], [0, "5 messages produced\n"], ended.stderr);
      assert.deepEqual(
        [...queue.shards],
        [
          ["T1:P1", ["MSG0", "MSG2", "MSG3"]],
          ["T2:P2", ["MSG1", "MSG4"]],
        ],
      );
    }));

  it("sends again what was not answered, without doubling or reordering", () =>
    withStandIn({ losesAnswer: (n) => n % 3 === 1, refuses: (n) => n % 5 === 2 }, async (queue) => {
      const ended = await produce(queue, "T1:P1", rows(20, ["T1:P1"]));
      assert.equal(ended.code, 0, ended.stderr);
      assert.deepEqual(
        queue.shards.get("T1:P1"),
        Array.from({ length: 20 }, (_, i) => `MSG${i}`),
      );
    }));

  it("stops at a row of another topic or part, with the words that tools look for, before anything is sent", () =>
    withStandIn({}, async (queue) => {
      for (const wrong of ["T1:P2", "T2:P1"]) {
        const ended = await produce(queue, "T1:P1", `${rows(1, ["T1:P1"])}\n${rows(1, [wrong])}\n`);
        assert.equal(ended.code, 1);
        assert.match(
          ended.stderr,
          /log file:incompitable, make sure msg for topics are in order for a perticular time/,
        );
        assert.match(
          ended.stderr,
          new RegExp(`producer_${id}\\.txt: line 2: expected T1:P1, found ${wrong}`),
        );
      }
      assert.deepEqual(queue.seen, []);
    }));

  it("takes a row of any part for an entry of all parts", () =>
    withStandIn({}, async (queue) => {
      const ended = await produce(queue, "T1:P1 T1:*", rows(2, ["T1:P1", "T1:P9"]));
      assert.equal(ended.code, 0, ended.stderr);
    }));

  it("names file and line of a row with too few or too many columns, of an empty and of a missing file", () =>
    withStandIn({}, async (queue) => {
      for (const [text, said] of [
        [`${rows(2, ["T1:P1"])}\n21:52:23 MSG P1\n`, /line 3: 3 columns found, 4 expected/],
        [`${rows(1, ["T1:P1"])} more`, /line 1: 5 columns found/],
        [`${rows(1, ["T1:P1"])}\n\n${rows(1, ["T1:P1"])}`, /line 2: 0 columns found/],
        ["", /line 1: the file is empty/],
        ["\n \n", /line 1: the file is empty/],
      ] as const) {
        const ended = await produce(queue, "T1:P1", text);
        assert.equal(ended.code, 1);
        assert.match(ended.stderr, said);
      }
      const missing = await produceFile(queue, "T1:P1", 4711);
      assert.equal(missing.code, 1);
      assert.match(missing.stderr, /producer_4711\.txt: there is no such file/);
      assert.deepEqual(queue.seen, []);
    }));

  it("reports a message that could not be produced in time, and what was acknowledged before", () =>
    withStandIn({ refuses: (n) => n > 2 }, async (queue) => {
      writeFileSync(join(folder, "producer_7001.txt"), rows(4, ["T1:P1"]));
      const http = createHttpClient();
      const topics = [{ topic: "T1", shard: "P1" }];
      const origin = `http://127.0.0.1:${queue.port}`;
      const run = runProduce({
        id: 7001,
        topics,
        origin,
        logDir: folder,
        http,
        retryMs: 400,
        tell: () => {},
      });
      await assert.rejects(
        run,
        /line 3: "MSG2" could not be produced to T1:P1 within 0\.4 s: try again later\. 2 messages/,
      );
      assert.deepEqual(queue.shards.get("T1:P1"), ["MSG0", "MSG1"]);
      http.close();
    }));

  it("says at once that a topic without parts cannot be produced to", () =>
    withStandIn({}, async (queue) => {
      const ended = await produce(queue, "T9:*", rows(1, ["T9:*"]));
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, /T9 does not exist thus no partitions are available/);
    }));

  it("refuses a command line that makes no sense with exit code 2", async () => {
    const queue = { port: 1 };
    assert.equal((await produce(queue, "T1", rows(1, ["T1:P1"]))).code, 2);
    assert.equal((await produce(queue, "..:P1", rows(1, ["..:P1"]))).code, 2);
  });
});

describe("runconsume", () => {
  it("writes topic, part and message, once each, when answers are lost, and ends by itself", () =>
    withStandIn({ losesAnswer: (n, path) => path === "/consumer/consume" && n % 4 === 1 }, async (queue) => {
      assert.equal((await produce(queue, "T1:P1 T1:P2", rows(2, ["T1:P1", "T1:P2"]))).code, 0);
      const consumer = consume(queue, "T1:* T1:P2", "1.5");
      await eventually(
        "registered",
        () => queue.seen.filter((one) => one === "GET /consumer/consume").length > 2,
      );
      assert.equal((await produce(queue, "T1:P1 T1:P2", rows(20, ["T1:P1", "T1:P2"]))).code, 0);
      const ended = await consumer.ended;
      assert.equal(ended.code, 0, ended.stderr);
      const lines = consumer.lines().split("\n");
      assert.equal(lines.pop(), "");
      const of = (part: string) => lines.filter((line) => line.startsWith(`T1:${part}     MSG`));
      assert.equal(of("P1").length, 10); // by T1:*
      assert.equal(of("P2").length, 20); // by T1:* and by T1:P2
      assert.equal(lines.length, 30);
      assert.deepEqual(
        of("P1"),
        Array.from({ length: 10 }, (_, i) => `T1:P1     MSG${2 * i}`),
      );
    }));

  it("leaves a complete file on Ctrl-C, with exit code 0", () =>
    withStandIn({}, async (queue) => {
      assert.equal((await produce(queue, "T1:P1", rows(1, ["T1:P1"]))).code, 0);
      const consumer = consume(queue, "T1:P1", "60");
      await eventually("registered", () => queue.seen.includes("GET /consumer/consume"));
      assert.equal((await produce(queue, "T1:P1", rows(3, ["T1:P1"]))).code, 0);
      await eventually("written", () => consumer.lines().split("\n").length === 4);
      consumer.child.kill("SIGINT");
      const ended = await consumer.ended;
      assert.deepEqual([ended.code, ended.stdout], [0, "3 messages consumed\n"], ended.stderr);
      assert.equal(consumer.lines(), "T1:P1     MSG0\nT1:P1     MSG1\nT1:P1     MSG2\n");
    }));

  it("says at once what does not exist", () =>
    withStandIn({}, async (queue) => {
      const ended = await consume(queue, "T3:P1", "20").ended;
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, /T3:P1 does not exist, thus can not register as consumer/);
    }));

  it("fails when nothing answers", async () => {
    const queue = await startStandIn();
    await queue.close();
    const ended = await consume(queue, "T1:P1", "0.5").ended;
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /No queue answers at/);
  });
});

it("without a port, 5001 is asked before 5000; with one, that one alone", () => {
  assert.deepEqual(originsOf("example.org", [5001, 5000]), [
    "http://example.org:5001",
    "http://example.org:5000",
  ]);
  assert.deepEqual(originsOf("example.org:80", [5001, 5000]), ["http://example.org:80"]);
  assert.deepEqual(originsOf("[::1]", [5000]), ["http://[::1]:5000"]);
  assert.throws(() => originsOf("", [5000]), /accepted: HOST or HOST:PORT/);
});
