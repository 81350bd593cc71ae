// A tablet whose process is killed or stopped, whose disk is full or fails: with real processes, a real full file
// system (a small one in memory, in a mount namespace of its own), and syncs that fail through LD_PRELOAD.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { recordsOf } from "../../src/queue/records.ts";
import { openLmdbTablet } from "../../src/queue/stores/lmdb.ts";
import { buildDiskFaults, skipWithoutGcc } from "./disk-faults.ts";
import type { Command } from "./tablet-program.ts";

const folder = mkdtempSync(join(tmpdir(), "tablet-faults-"));
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

type Answer = Record<string, unknown>;

interface Program {
  readonly child: ChildProcess;
  /** Every line that came before the program ended. */
  readonly lines: Answer[];
  ask(command: Command): Promise<Answer>;
  say(command: Command): void;
  next(): Promise<Answer>;
  /** What it writes to its error output. */
  errors(): string;
}

interface ProgramOptions {
  readonly env?: Record<string, string>;
  /** Put before the command: another way to start it. */
  readonly prefix?: readonly string[];
}

async function start(
  file: string,
  epoch: number,
  { env = {}, prefix = [] }: ProgramOptions = {},
): Promise<Program> {
  const program = fileURLToPath(new URL("tablet-program.ts", import.meta.url));
  const command = [...prefix, process.execPath, "--import", "tsx", program, file, String(epoch)];
  const child = spawn(command[0] as string, command.slice(1), { env: { ...process.env, ...env } });
  running.add(child);
  child.on("exit", () => running.delete(child));
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk;
  });
  const lines: Answer[] = [];
  const waiting: ((answer: Answer) => void)[] = [];
  let given = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(JSON.parse(line) as Answer);
    waiting.shift()?.(lines[given++] as Answer);
  });
  child.on("exit", (status, signal) => {
    for (const give of waiting.splice(0)) give({ ended: signal ?? status, errors });
  });
  const next = (): Promise<Answer> =>
    new Promise((resolve) => {
      if (given < lines.length) resolve(lines[given++] as Answer);
      else waiting.push(resolve);
    });
  const say = (one: Command): void => void child.stdin.write(`${JSON.stringify(one)}\n`);
  const ask = (one: Command): Promise<Answer> => {
    say(one);
    return next();
  };
  const found = { child, lines, ask, say, next, errors: () => errors };
  assert.deepEqual(await next(), { ready: true }, errors);
  return found;
}

async function kill(program: Program): Promise<void> {
  const exited = once(program.child, "exit");
  program.child.kill("SIGKILL");
  await exited;
}

/** Skips where a tool is missing, but not in CI: there it must be. */
function needs(tool: string, works: boolean): { skip?: string } {
  if (works || process.env.CI === "true") return {};
  return { skip: `skipped: needs ${tool}` };
}

const canMount = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

async function textsOf(file: string, epoch: number): Promise<string[]> {
  const tablet = await openLmdbTablet({ file, tablet: 1, epoch });
  const { batches, next, end } = await tablet.read(0, 0, { bytesMax: Number.MAX_SAFE_INTEGER });
  assert.equal(next, end);
  await tablet.close();
  return batches.flatMap((batch) => [...recordsOf(batch)].map((record) => String(record.value)));
}

describe("an owner that is killed", () => {
  it("has lost nothing that it acknowledged, and kept the order", async () => {
    for (const acks of [1, 40, 200]) {
      const file = join(folder, `killed-${acks}.lmdb`);
      const program = await start(file, 1);
      program.say({ do: "flood" });
      for (let i = 0; i < acks; i++) await program.next();
      await kill(program);
      const acked = Math.max(...program.lines.map((line) => Number(line.acked ?? -1)));
      const texts = await textsOf(file, 2);
      assert.ok(texts.length > acked, `${texts.length} messages are there, ${acked + 1} were acknowledged`);
      assert.deepEqual(
        texts,
        texts.map((_, i) => `m${i}`),
      );
    }
  });
});

describe("an owner that is killed while it compacts", () => {
  it("has left one of the two files whole, at whatever moment", async () => {
    const file = join(folder, "compacting.lmdb");
    let known = 0;
    for (let epoch = 1; epoch <= 12; epoch++) {
      const program = await start(file, epoch);
      program.say({ do: "churn" });
      await untilLine(program, (line) => line.compacted !== undefined);
      // Compactions take most of the time from now on: these moments lie anywhere in them.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
      await kill(program);
      assert.equal(program.errors(), "");
      const acked = Math.max(...program.lines.map((line) => Number(line.acked ?? -1)));
      const texts = await textsOf(file, ++epoch);
      assert.ok(texts.length > acked, `${texts.length} messages are there, ${acked + 1} were acknowledged`);
      assert.ok(acked >= known, "offsets go on from where they were");
      known = texts.length;
      assert.ok(!existsSync(`${file}.small`), "what was left of a copy is gone");
    }
  });
});

describe("an owner that does not know that it has been replaced", () => {
  it("is fenced in mid-flood: nothing acknowledged by either is lost or given twice", async () => {
    const file = join(folder, "replaced.lmdb");
    const old = await start(file, 1);
    old.say({ do: "flood" });
    for (let i = 0; i < 50; i++) await old.next();
    const young = await start(file, 2); // takes the epoch while the other one writes
    young.say({ do: "flood" });
    for (let i = 0; i < 50; i++) await young.next();
    await untilLine(old, (line) => line.refused !== undefined);
    assert.equal(old.lines.at(-1)?.refused, "FENCED");
    await kill(young);
    await kill(old);
    const acked = (program: Program) =>
      program.lines.flatMap((line) => (line.acked === undefined ? [] : [line.acked]));
    const offsets = [...acked(old), ...acked(young)];
    assert.equal(new Set(offsets).size, offsets.length);
    const texts = await textsOf(file, 3);
    for (const [i, offset] of acked(old).entries()) assert.equal(texts[offset as number], `m${i}`);
    for (const [i, offset] of acked(young).entries()) assert.equal(texts[offset as number], `m${i}`);
  });
});

/** Waits until the program has said such a line. */
async function untilLine(program: Program, matches: (line: Answer) => boolean): Promise<void> {
  while (!program.lines.some(matches)) await program.next();
}

describe("an owner that is stopped", () => {
  it("between transactions can never append again, once another has taken over", async () => {
    const file = join(folder, "stopped.lmdb");
    const program = await start(file, 1);
    await program.ask({ do: "append", text: "a" });
    program.child.kill("SIGSTOP");
    const successor = await start(file, 2);
    await successor.ask({ do: "append", text: "b" });
    program.child.kill("SIGCONT");
    const late = await program.ask({ do: "append", text: "too late" });
    assert.equal(late.refused, "FENCED");
    assert.deepEqual(await successor.ask({ do: "read", from: 0 }), { texts: ["a", "b"], start: 0, end: 2 });
    await kill(program);
    await kill(successor);
  });

  it("inside a transaction loses it when it is killed, and the next owner opens at once", {
    skip: skipWithoutGcc,
  }, async () => {
    const faults = buildDiskFaults(folder);
    const file = join(folder, "stopped-inside.lmdb");
    const program = await start(file, 1, { env: faults.env });
    await program.ask({ do: "append", text: "a" });
    faults.set("stop");
    program.say({ do: "append", text: "half" });
    await stopped(program.child.pid as number);
    await kill(program);
    const startedMs = performance.now();
    assert.deepEqual(await textsOf(file, 2), ["a"]);
    assert.ok(performance.now() - startedMs < 3000);
  });
});

/** Waits until the process is stopped, as /proc tells. */
async function stopped(pid: number): Promise<void> {
  for (;;) {
    const state = spawnSync("ps", ["-o", "state=", "-p", String(pid)])
      .stdout.toString()
      .trim();
    if (state.startsWith("T")) return;
    assert.notEqual(state, "", "the process has ended");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("a disk that fails a sync", () => {
  it("makes the tablet give up: it is never tried again, and what was acknowledged is there", {
    skip: skipWithoutGcc,
  }, async () => {
    const faults = buildDiskFaults(folder);
    const file = join(folder, "eio.lmdb");
    const program = await start(file, 1, { env: faults.env });
    await program.ask({ do: "append", text: "a" });
    faults.set("eio");
    const failed = await program.ask({ do: "append", text: "b" });
    assert.equal(failed.refused, "STORE_FAILED");
    assert.match(
      String(failed.message),
      /the disk failed a commit \(Input\/output error\); the tablet is given up/,
    );
    faults.clear();
    assert.equal((await program.ask({ do: "append", text: "c" })).refused, "STORE_FAILED");
    assert.deepEqual(await program.ask({ do: "read", from: 0 }), { texts: ["a"], start: 0, end: 1 });
    assert.equal(program.lines.filter((line) => line.unhandled !== undefined).length, 0);
    const ended = once(program.child, "exit");
    program.child.stdin?.end();
    assert.deepEqual(await ended, [0, null]);
    assert.deepEqual(await textsOf(file, 2), ["a"]);
  });
});

describe("a disk that fails the last write of a commit", () => {
  for (const fault of ["meta", "metafull"]) {
    it(`(${fault}) makes the tablet give up, and it can be closed`, { skip: skipWithoutGcc }, async () => {
      const faults = buildDiskFaults(folder);
      const file = join(folder, `${fault}.lmdb`);
      const program = await start(file, 1, { env: faults.env });
      await program.ask({ do: "append", text: "a" });
      faults.set(fault);
      for (const text of ["b", "c"]) {
        const failed = await program.ask({ do: "append", text });
        assert.equal(failed.refused, "STORE_FAILED", JSON.stringify(failed));
      }
      faults.clear();
      assert.equal((await program.ask({ do: "append", text: "d" })).refused, "STORE_FAILED");
      const ended = once(program.child, "exit");
      program.child.stdin?.end();
      assert.deepEqual(await ended, [0, null]);
      assert.deepEqual((await textsOf(file, 2))[0], "a");
    });
  }
});

describe("a full disk", () => {
  it(
    "refuses appends, serves reads, and goes on by itself when there is room",
    needs("mount rights", canMount),
    async () => {
      const mount = join(folder, "small");
      const script =
        'mkdir -p "$0" && mount -t tmpfs -o size=4m tmpfs "$0" && head -c 1000000 /dev/zero >"$0/ballast" && exec "$@"';
      const program = await start(join(mount, "full.lmdb"), 1, {
        prefix: ["unshare", "--mount", "sh", "-c", script, mount],
      });
      const accepted: string[] = [];
      let refused: Answer = {};
      for (let i = 0; i < 100 && refused.refused === undefined; i++) {
        const answer = await program.ask({ do: "append", text: `m${i}`, bytes: 100_000 });
        if (answer.refused === undefined) accepted.push(`m${i}`);
        else refused = answer;
      }
      assert.equal(refused.refused, "DISK_FULL");
      assert.ok(accepted.length > 5);
      assert.equal((await program.ask({ do: "state" })).state, "full");
      const last = await program.ask({ do: "read", from: accepted.length - 1 });
      assert.equal((last.texts as string[])[0]?.startsWith(accepted.at(-1) as string), true);

      const filler = `/proc/${program.child.pid}/root${mount}/filler`; // appends leave room, others may not
      assert.throws(() => writeFileSync(filler, Buffer.alloc(4_000_000)), { code: "ENOSPC" });
      const compacting = await program.ask({ do: "compact" });
      rmSync(filler);
      assert.equal(compacting.refused, "DISK_FULL");
      assert.match(String(compacting.message), /Cannot compact full.lmdb: .* Nothing has changed$/);

      assert.equal((await program.ask({ do: "truncate", countMax: 2 })).removed, accepted.length - 2);
      let answer: Answer = {};
      for (let tries = 0; tries < 100 && answer.baseOffset === undefined; tries++) {
        answer = await program.ask({ do: "append", text: "again", bytes: 100_000 });
        if (answer.refused !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.equal(answer.baseOffset, accepted.length);
      assert.equal((await program.ask({ do: "state" })).state, "open");
      rmSync(`/proc/${program.child.pid}/root${mount}/ballast`); // an operator makes room for the copy
      const compacted = await program.ask({ do: "compact" });
      assert.ok(Number(compacted.bytesAfter) < 500_000, JSON.stringify(compacted));
      assert.equal((await program.ask({ do: "append", text: "goes on" })).baseOffset, accepted.length + 1);
      assert.equal(program.lines.filter((line) => line.unhandled !== undefined).length, 0);
      await kill(program);
    },
  );
});
