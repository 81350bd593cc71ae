// A power cut at any moment: a real queue's writes and syncs are recorded (disk-trace.c), the disk is built as it may
// be after a cut at moments chosen by a seed (disk-image.ts), and every acknowledged message must be there.
//
// To kill a process never tests a sync: what it wrote stays in the system's memory. Here a sync that is missing or comes
// too late shows as a lost message, and the test makes sure that it would be seen: the same check must find losses where
// acknowledgements come before the sync, and where syncs did nothing.
//
//   ROUNDHOUSE_POWER_CUTS=1000 ROUNDHOUSE_SEED=7 node test/run.mjs test/queue/power-loss
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Random } from "./disk-image.ts";
import { type DiskEvent, readDiskTrace } from "./disk-trace.ts";
import { cutPower, newFolder, type Recording, seeded, traced } from "./power-cuts.ts";
import type { Acknowledged } from "./power-loss-program.ts";

const cuts = Number(process.env.ROUNDHOUSE_POWER_CUTS ?? 40);
const seed = Number(process.env.ROUNDHOUSE_SEED ?? Date.now() % 1_000_000);

const hasGcc = spawnSync("gcc", ["--version"]).status === 0;
const needsGcc = hasGcc || process.env.CI === "true" ? {} : { skip: "skipped: needs gcc" };
const folder = newFolder();
after(() => rmSync(folder, { recursive: true, force: true }));

/** Lets the program work until so much was acknowledged, and ends it. */
async function recordRun(name: string, durability: string, acknowledgedMin: number): Promise<Recording> {
  const root = join(folder, name);
  const dataDir = join(root, "data");
  const traceFile = join(folder, `${name}.trace`);
  mkdirSync(root);
  const program = fileURLToPath(new URL("power-loss-program.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", program, dataDir, durability], {
    env: traced(folder, root, traceFile),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const acknowledged: Acknowledged[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(JSON.parse(line) as Acknowledged);
    if (acknowledged.length === acknowledgedMin) child.kill("SIGKILL");
  }
  await exited;
  assert.ok(acknowledged.length >= acknowledgedMin, `it ended after ${acknowledged.length} acknowledgements`);
  return { root, dataDir, trace: readDiskTrace(traceFile), acknowledged };
}

/** Brokers as users run them, and a client over HTTP, until so much was acknowledged; something else `besides`. */
async function recordBrokers(
  name: string,
  acknowledgedMin: number,
  besides: (origin: string, isOver: () => boolean) => Promise<void> = async () => {},
): Promise<Recording> {
  const root = join(folder, name);
  const dataDir = join(root, "data");
  const traceFile = join(folder, `${name}.trace`);
  mkdirSync(root);
  const ports = ["--queue-port", "0", "--read-port", "off", "--admin-port", "off"];
  const args = ["broker", "--brokers", "2", "--queue-data", dataDir, "--log-format", "json", ...ports];
  const child = spawn(process.execPath, [main, ...args], {
    env: traced(folder, root, traceFile),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");
  const acknowledged: Acknowledged[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    const { ports: open } = JSON.parse(line) as { ports?: { queue: number } };
    if (open === undefined) continue;
    const origin = `http://127.0.0.1:${open.queue}`;
    const isOver = () => acknowledged.length >= acknowledgedMin;
    const produced = produceOverHttp(`${origin}/v1/topics`, acknowledged, isOver);
    await Promise.all([produced, besides(origin, isOver)]).finally(() => child.kill("SIGKILL"));
  }
  await exited;
  return { root, dataDir, trace: readDiskTrace(traceFile), acknowledged };
}

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

async function produceOverHttp(
  url: string,
  acknowledged: Acknowledged[],
  isOver: () => boolean,
): Promise<void> {
  const post = async (path: string, body: object) => {
    const answer = await fetch(`${url}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    assert.ok(answer.ok, `${answer.status}: ${path}`);
    return {
      answer: (await answer.json()) as { appended: { shard: string; base_offset: number }[] },
      atNs: String(process.hrtime.bigint()),
    };
  };
  await post("", { name: "kept", shards: 3 });
  acknowledged.push({ created: "kept", atNs: String(process.hrtime.bigint()) });
  const worker = async (id: number): Promise<void> => {
    for (let i = 0; !isOver(); i++) {
      const values = Array.from({ length: 1 + ((i * 7 + id) % 9) }, (_, k) => `${id}.${i}.${k}`);
      const body = values.map((value, k) => ({
        value: `${value} `.padEnd(10 + ((i * 131 + k * 977) % 6_000), "x"),
      }));
      const { answer, atNs } = await post(`/kept/shards/P${1 + (i % 3)}/records`, body);
      const [{ shard, base_offset: base } = { shard: "", base_offset: 0 }] = answer.appended;
      for (const [k, produced] of values.entries())
        acknowledged.push({ produced, shard, offset: base + k, atNs });
    }
  };
  await Promise.all([1, 2, 3, 4].map(worker));
}

/** One tablet after another, those that have the three shards of "kept". */
async function keepCompacting(origin: string, isOver: () => boolean): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const body = JSON.stringify({ tablet: i % 3 });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${origin}/v1/compactions`, { method: "POST", body, headers });
    assert.ok(answer.ok, `${answer.status}: ${await answer.text()}`);
  }
}

/** Events around these: the copy before its renaming, and what is written to it afterwards. */
const near =
  (events: readonly number[], trace: readonly DiskEvent[]) =>
  (random: Random): number => {
    const moment = (events[random(events.length)] ?? 0) + random(2 * NEAR_EVENTS) - NEAR_EVENTS;
    return Math.min(trace.length - 1, Math.max(0, moment));
  };
const NEAR_EVENTS = 25;

describe("a power cut", needsGcc, () => {
  it("loses nothing that was acknowledged, whatever the disk kept of what was not synced", async () => {
    const recording = await recordRun("synced", "synced", 3_000);
    assert.ok(recording.trace.filter(({ kind }) => kind === "E").length > 100, "hardly a sync was seen");
    const found = await cutPower(folder, recording, cuts, seeded(seed));
    assert.deepEqual(found.slice(0, 10), [], `seed ${seed}: ${found.length} findings`);
  });

  it("loses nothing that brokers acknowledged over HTTP", async () => {
    const recording = await recordBrokers("brokers", 2_000);
    const pids = new Set(recording.trace.map(({ pid }) => pid));
    assert.ok(pids.size >= 3, `control plane and two brokers wrote; seen: ${pids.size} processes`);
    const found = await cutPower(folder, recording, Math.ceil(cuts / 2), seeded(seed));
    assert.deepEqual(found.slice(0, 10), [], `seed ${seed}: ${found.length} findings`);
  });

  it("loses nothing while files are compacted: the old one is there or the new one, and either is whole", async () => {
    const recording = await recordBrokers("compacted", 1_500, keepCompacting);
    const { trace } = recording;
    const isRenaming = ({ kind, data }: DiskEvent) => kind === "R" && String(data).endsWith(".lmdb");
    const renamings = trace.flatMap((event, index) => (isRenaming(event) ? [index] : []));
    assert.ok(renamings.length >= 3, `${renamings.length} compactions`);
    const found = await cutPower(
      folder,
      recording,
      Math.ceil(cuts / 2),
      seeded(seed),
      near(renamings, trace),
    );
    assert.deepEqual(found.slice(0, 10), [], `seed ${seed}: ${found.length} findings`);
  });

  it("is seen to lose messages when they are acknowledged before the sync", async () => {
    const recording = await recordRun("written", "written", 3_000);
    const found = await cutPower(folder, recording, 20, seeded(seed));
    assert.notEqual(found.length, 0, `seed ${seed}`);
  });

  it("is seen to lose messages when syncs do nothing", async () => {
    const recording = await recordRun("lying", "synced", 1_000);
    const lying = { ...recording, trace: recording.trace.filter(({ kind }) => kind !== "E" && kind !== "D") };
    const found = await cutPower(folder, lying, 20, seeded(seed));
    assert.notEqual(found.length, 0, `seed ${seed}`);
  });
});
