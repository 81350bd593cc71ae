// The queue of one process beside other processes: who may have the directory, and what a kill leaves behind.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { openQueue } from "../../src/queue/queue.ts";

const folder = mkdtempSync(join(tmpdir(), "open-queue-"));
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

interface Line {
  readonly readyMs?: number;
  readonly sent?: number;
  readonly shard?: string;
  readonly offset?: number;
}

/** Runs the program until it has said this many lines, then kills it; returns all that it said. */
async function runAndKill(dataDir: string, lineCount: number, meanwhile = async () => {}): Promise<Line[]> {
  const program = fileURLToPath(new URL("queue-program.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", program, dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  const lines: Line[] = [];
  const exited = once(child, "exit");
  const enough = new Promise<void>((resolve, reject) => {
    child.on("exit", () => reject(new Error("The program ended by itself.")));
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(JSON.parse(line) as Line);
      if (lines.length === lineCount) resolve();
    });
  });
  await enough;
  await meanwhile();
  child.kill("SIGKILL");
  await exited;
  running.delete(child);
  return lines;
}

describe("a queue in a process of its own", () => {
  it("keeps other programs out while it lives, and nobody when it has been killed", async () => {
    const dataDir = join(folder, "shared");
    const lines = await runAndKill(dataDir, 2, () =>
      assert.rejects(openQueue({ dataDir }), {
        code: "DATA_DIR_IN_USE",
        message: /process \d+ uses it; close/,
      }),
    );
    assert.ok((lines[0]?.readyMs ?? 0) > 0);
    const queue = await openQueue({ dataDir });
    await queue.produce("t", { value: "after" });
    await queue.close();
  });

  it("has lost nothing that was answered, after each of five kills", async () => {
    const dataDir = join(folder, "killed");
    const answered = new Map<string, string>();
    for (const lineCount of [2, 30, 80, 10, 150]) {
      for (const { sent, shard, offset } of await runAndKill(dataDir, lineCount)) {
        if (sent === undefined) continue;
        const place = `${shard}:${offset}`;
        assert.equal(answered.has(place), false, `${place} was given twice`);
        answered.set(place, `${sent}`);
      }
    }
    const queue = await openQueue({ dataDir });
    const { shards } = await queue.topic("t");
    const kept = new Map<string, string>();
    for (const { name, end } of shards) {
      for (const message of await queue.read("t", name, 0, end)) {
        kept.set(`${name}:${message.offset}`, String(message.value));
      }
    }
    for (const [place, value] of answered) assert.equal(kept.get(place), value, place);
    // At most one message per kill was stored without its answer getting out.
    assert.ok(kept.size - answered.size <= 5);
    await queue.close();
  });
});
