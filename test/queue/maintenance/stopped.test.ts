// `roundhouse queue verify|dump|backup|compact --data`: on directories of queues that have stopped, sound and damaged.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { openQueue } from "../../../src/queue/queue.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-maintenance-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let directories = 0;

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

function roundhouse(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, "queue", ...args], { maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

/** A stopped queue: `orders` with two shards, 100 batches of one message in each. */
async function stopped(value = "umbrella"): Promise<string> {
  const dataDir = join(folder, String(++directories));
  const queue = await openQueue({ dataDir, tablets: 2, durability: "written" });
  await queue.createTopic("orders", { shards: 2 });
  for (let i = 0; i < 100; i++) {
    for (const shard of ["P1", "P2"])
      await queue.produce("orders", { value: `${value} ${i}`, key: "k" }, { shard });
  }
  await queue.close();
  return dataDir;
}

/** Turns a bit of the message in the tablets' files. */
function damage(dataDir: string, text: string): void {
  const tablets = join(dataDir, "tablets");
  let found = 0;
  for (const name of readdirSync(tablets).filter((one) => one.endsWith(".lmdb"))) {
    const bytes = readFileSync(join(tablets, name));
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      bytes[at] = (bytes[at] as number) ^ 1;
      found++;
    }
    writeFileSync(join(tablets, name), bytes);
  }
  assert.ok(found > 0, `${text} is nowhere`);
}

describe("a stopped queue", () => {
  it("is verified: every message read, and sound", async () => {
    const { code, stdout } = await roundhouse("verify", "--data", await stopped());
    assert.equal(code, 0);
    assert.match(stdout, /^orders +P1 +0 +100 +100 +100 +\d+ +sound$/m);
    assert.match(stdout, /^orders +P2 +0 +100 +100 +100 +\d+ +sound$/m);
  });

  it("is verified: damaged messages are told of by shard and offset, and the rest is read", async () => {
    const dataDir = await stopped();
    damage(dataDir, "umbrella 42");
    const { code, stdout, stderr } = await roundhouse("verify", "--data", dataDir);
    assert.equal(code, 1);
    assert.match(stdout, /^orders +P1 +0 +100 +99 +99 +\d+ +DAMAGED$/m);
    assert.match(stdout, /^orders\/P2: offsets 42 to 42: .*checksum/m);
    assert.match(stderr, /2 messages cannot be read/);
    const dumped = await roundhouse("dump", "--data", dataDir);
    assert.equal(dumped.stdout.trim().split("\n").length, 198);
    assert.match(dumped.stderr, /orders\/P1: offsets 42 to 42 cannot be read/);
  });

  it("is dumped as lines that can be produced again", async () => {
    const { stdout } = await roundhouse("dump", "--data", await stopped(), "--topic", "orders");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(lines.length, 200);
    const { timestamp_ms, ...first } = lines[0] as Record<string, unknown>;
    assert.deepEqual(first, { topic: "orders", shard: "P1", offset: 0, key: "k", value: "umbrella 0" });
    assert.ok(Math.abs(Date.now() - Number(timestamp_ms)) < 600_000);
  });

  it("is backed up, and the copy can be opened with everything in it", async () => {
    const dataDir = await stopped();
    const before = await openQueue({ dataDir });
    const consumer = await before.consumer("orders", "billing");
    await consumer.poll({ messagesMax: 50 });
    await consumer.commit();
    await before.close();
    const copy = join(folder, "copy");
    const { code, stdout, stderr } = await roundhouse("backup", copy, "--data", dataDir);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^3 files copied to .*copy: \d+ bytes before, \d+ after$/m);
    const queue = await openQueue({ dataDir: copy });
    const again = await queue.consumer("orders", "billing");
    assert.equal(await again.lag(), 150);
    await queue.produce("orders", { value: "more" });
    await queue.close();
    assert.equal((await roundhouse("backup", copy, "--data", dataDir)).code, 1);
    assert.equal((await roundhouse("verify", "--data", dataDir)).code, 0);
  });

  it("is compacted: smaller, and everything is there", async () => {
    const dataDir = await stopped("x".repeat(20_000));
    const queue = await openQueue({ dataDir });
    await queue.deleteTopic("orders");
    await queue.createTopic("left", { shards: 2 });
    await queue.produceAll(
      "left",
      Array.from({ length: 50 }, (_, i) => ({ value: `${i}` })),
    );
    await queue.close();
    const { code, stdout, stderr } = await roundhouse("compact", "--data", dataDir);
    assert.equal(code, 0, stderr);
    const [, beforeText, afterText] = /compacted: (\d+) bytes before, (\d+) after/.exec(stdout) ?? [];
    assert.ok(Number(beforeText) > 3_000_000 && Number(afterText) < 500_000, stdout);
    const sizes = readdirSync(join(dataDir, "tablets")).map(
      (name) => statSync(join(dataDir, "tablets", name)).size,
    );
    assert.ok(sizes.every((size) => size < 500_000));
    const again = await openQueue({ dataDir });
    const topic = await again.topic("left");
    assert.equal(
      topic.shards.reduce((sum, { end }) => sum + end, 0),
      50,
    );
    await again.produce("left", { value: "more" });
    await again.close();
    assert.equal((await roundhouse("verify", "--data", dataDir)).code, 0);
  });

  it("is left alone while it is in use, and nothing is made where none is", async () => {
    const dataDir = await stopped();
    const queue = await openQueue({ dataDir });
    for (const args of [["verify"], ["dump"], ["compact"], ["backup", join(folder, "never")]]) {
      const { code, stderr } = await roundhouse(...args, "--data", dataDir);
      assert.equal(code, 1);
      assert.match(stderr, /Cannot open the data directory .*: process \d+ uses it/);
    }
    await queue.close();
    const nothing = join(folder, "nothing");
    const { code, stderr } = await roundhouse("verify", "--data", nothing);
    assert.deepEqual([code, existsSync(nothing)], [1, false]);
    assert.match(stderr, /is no data directory of a queue/);
  });
});
