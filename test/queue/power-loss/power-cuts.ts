// Cuts the power of a recorded run at moments chosen by a seed: for each, the disk is built as it may be afterwards, and
// what was acknowledged before is compared with what is there.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../../../src/load/random.ts";
import { createDiskModel, inImage, type Random } from "./disk-image.ts";
import type { DiskEvent } from "./disk-trace.ts";
import type { ImageContents } from "./image-reader.ts";
import type { Acknowledged } from "./power-loss-program.ts";

export interface Recording {
  /** Folder that was empty before; the queue's directory is in it. */
  readonly root: string;
  readonly dataDir: string;
  readonly trace: readonly DiskEvent[];
  readonly acknowledged: readonly Acknowledged[];
}

/** A folder for recordings and images; removed with what is in it by the caller. */
export const newFolder = (): string => mkdtempSync(join(tmpdir(), "power-loss-"));

/** The environment that records what a process does below `root` into files that begin with `traceFile`. */
export function traced(folder: string, root: string, traceFile: string): NodeJS.ProcessEnv {
  const library = join(folder, "disk-trace.so");
  const source = fileURLToPath(new URL("disk-trace.c", import.meta.url));
  const built = spawnSync("gcc", ["-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"]);
  assert.equal(built.status, 0, String(built.stderr));
  return { ...process.env, LD_PRELOAD: library, DISK_TRACE_ROOT: root, DISK_TRACE_FILE: traceFile };
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

/** Findings by moment of the cut, for `count` cuts. `moment`: an event of the trace; default: any. */
export async function cutPower(
  folder: string,
  recording: Recording,
  count: number,
  random: Random,
  moment: (random: Random) => number = () => random(recording.trace.length),
): Promise<string[]> {
  const { root, dataDir, trace } = recording;
  const acknowledgedBy = (timeNs: bigint) =>
    recording.acknowledged.filter(({ atNs }) => BigInt(atNs) < timeNs);
  const moments = Array.from({ length: count }, () => moment(random)).sort((a, b) => a - b);
  const model = createDiskModel(root);
  const reader = startReader();
  const found: string[] = [];
  let at = 0;
  for (const [n, cut] of moments.entries()) {
    for (; at <= cut; at++) model.apply(trace[at] as DiskEvent);
    const image = join(folder, `image-${n}`);
    model.image(image, random);
    const directory = inImage(root, image, dataDir);
    const contents = await reader.read(directory);
    const acknowledged = acknowledgedBy((trace[cut] as DiskEvent).timeNs);
    // A directory that was never finished may refuse to open: then nothing was acknowledged either.
    const wrong = acknowledged.length === 0 ? [] : findings(contents, acknowledged);
    found.push(...wrong.map((what) => `cut at event ${cut} of ${trace.length}: ${what}`));
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
    process_.stdin.on("error", () => {}); // it has ended, and so do its lines
    return { process: process_, lines: createInterface({ input: process_.stdout })[Symbol.asyncIterator]() };
  }
  return {
    async read(directory) {
      // Twice: the image before this one may have ended it late.
      for (let tries = 0; tries < 2; tries++) {
        child.process.stdin.write(`${directory}\n`);
        const { value, done } = await child.lines.next();
        if (done !== true) return JSON.parse(value) as ImageContents;
        child = start();
      }
      return { directory, error: "it ended the process that opened it", topics: [], kept: {}, places: {} };
    },
    async end() {
      const exited = once(child.process, "exit");
      child.process.stdin.end();
      await exited;
    },
  };
}

/** Chance with a seed, so that a finding can be looked at again. */
export function seeded(start: number): Random {
  const random = seededRandom(start);
  return (below) => Math.floor(random() * below);
}
