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
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createDiskModel, inImage, type Random } from "./disk-image.ts";
import { type DiskEvent, readDiskTrace } from "./disk-trace.ts";
import type { ImageContents } from "./image-reader.ts";
import type { Acknowledged } from "./power-loss-program.ts";

const cuts = Number(process.env.ROUNDHOUSE_POWER_CUTS ?? 40);
const seed = Number(process.env.ROUNDHOUSE_SEED ?? Date.now() % 1_000_000);

const hasGcc = spawnSync("gcc", ["--version"]).status === 0;
const needsGcc = hasGcc || process.env.CI === "true" ? {} : { skip: "skipped: needs gcc" };
const folder = mkdtempSync(join(tmpdir(), "power-loss-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const library = join(folder, "disk-trace.so");
before(() => {
  if (!hasGcc && process.env.CI !== "true") return;
  const source = fileURLToPath(new URL("disk-trace.c", import.meta.url));
  const built = spawnSync("gcc", ["-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"]);
  assert.equal(built.status, 0, String(built.stderr));
});

interface Recording {
  /** Folder that was empty before; the queue's directory is in it. */
  readonly root: string;
  readonly dataDir: string;
  readonly trace: readonly DiskEvent[];
  readonly acknowledged: readonly Acknowledged[];
}

/** Lets the program work until so much was acknowledged, and ends it. */
async function recordRun(name: string, durability: string, acknowledgedMin: number): Promise<Recording> {
  const root = join(folder, name);
  const dataDir = join(root, "data");
  const traceFile = join(folder, `${name}.trace`);
  mkdirSync(root);
  const program = fileURLToPath(new URL("power-loss-program.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", program, dataDir, durability], {
    env: { ...process.env, LD_PRELOAD: library, DISK_TRACE_ROOT: root, DISK_TRACE_FILE: traceFile },
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

/** What is wrong with the image of a cut, in words; empty when everything acknowledged is there. */
function findings(contents: ImageContents, acknowledged: readonly Acknowledged[]): string[] {
  if (contents.error !== undefined) return [`it cannot be read: ${contents.error}`];
  const found: string[] = [];
  for (const one of acknowledged) {
    if ("created" in one) {
      if (!contents.topics.includes(one.created)) found.push(`topic ${one.created} is gone`);
    } else if ("produced" in one) {
      const there = contents.kept[one.shard]?.[one.offset];
      if (there !== one.produced)
        found.push(`${one.shard} ${one.offset}: ${one.produced} was there, now ${there}`);
    } else if ((contents.places[one.shard] ?? 0) < one.committed) {
      found.push(`${one.shard}: the place ${one.committed} was committed, now ${contents.places[one.shard]}`);
    }
  }
  return found;
}

/** Findings by moment of the cut, for `count` cuts. */
async function cutPower(recording: Recording, count: number, random: Random): Promise<string[]> {
  const { root, dataDir, trace } = recording;
  const acknowledgedBy = (timeNs: bigint) =>
    recording.acknowledged.filter(({ atNs }) => BigInt(atNs) < timeNs);
  const moments = Array.from({ length: count }, () => random(trace.length)).sort((a, b) => a - b);
  const model = createDiskModel(root);
  const reader = startReader();
  const found: string[] = [];
  let at = 0;
  for (const [n, moment] of moments.entries()) {
    for (; at <= moment; at++) model.apply(trace[at] as DiskEvent);
    const image = join(folder, `image-${n}`);
    model.image(image, random);
    const directory = inImage(root, image, dataDir);
    const contents = await reader.read(directory);
    const acknowledged = acknowledgedBy((trace[moment] as DiskEvent).timeNs);
    // A directory that was never finished may refuse to open: then nothing was acknowledged either.
    const wrong = acknowledged.length === 0 ? [] : findings(contents, acknowledged);
    found.push(...wrong.map((what) => `cut at event ${moment} of ${trace.length}: ${what}`));
    rmSync(image, { recursive: true, force: true });
  }
  await reader.end();
  return found;
}

function startReader(): { read(directory: string): Promise<ImageContents>; end(): Promise<void> } {
  const program = fileURLToPath(new URL("image-reader.ts", import.meta.url));
  let child = start();
  function start() {
    const process_ = spawn(process.execPath, ["--import", "tsx", program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    return { process: process_, lines: createInterface({ input: process_.stdout })[Symbol.asyncIterator]() };
  }
  return {
    async read(directory) {
      child.process.stdin.write(`${directory}\n`);
      const { value, done } = await child.lines.next();
      if (done !== true) return JSON.parse(value) as ImageContents;
      child = start();
      return { directory, error: "it ended the process that opened it", topics: [], kept: {}, places: {} };
    },
    async end() {
      const exited = once(child.process, "exit");
      child.process.stdin.end();
      await exited;
    },
  };
}

/** A small generator with a seed (mulberry32), so that a finding can be looked at again. */
function seeded(start: number): Random {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

describe("a power cut", needsGcc, () => {
  it("loses nothing that was acknowledged, whatever the disk kept of what was not synced", async () => {
    const recording = await recordRun("synced", "synced", 3_000);
    assert.ok(recording.trace.filter(({ kind }) => kind === "E").length > 100, "hardly a sync was seen");
    const found = await cutPower(recording, cuts, seeded(seed));
    assert.deepEqual(found.slice(0, 10), [], `seed ${seed}: ${found.length} findings`);
  });

  it("is seen to lose messages when they are acknowledged before the sync", async () => {
    const recording = await recordRun("written", "written", 3_000);
    const found = await cutPower(recording, 20, seeded(seed));
    assert.notEqual(found.length, 0, `seed ${seed}`);
  });

  it("is seen to lose messages when syncs do nothing", async () => {
    const recording = await recordRun("lying", "synced", 1_000);
    const lying = { ...recording, trace: recording.trace.filter(({ kind }) => kind !== "E" && kind !== "D") };
    const found = await cutPower(lying, 20, seeded(seed));
    assert.notEqual(found.length, 0, `seed ${seed}`);
  });
});
