import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLog } from "./log.ts";
import { formatLogLine } from "./log-format.ts";

const folder = mkdtempSync(join(tmpdir(), "rh-log-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("a line is JSON with stable fields: time, level in words, the event's own, msg", () => {
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line) => lines.push(line) } });
  log.warn({ event: "replica", replica: "S1", seat: 1 }, "S1 is dead: exited with code 1");
  log.debug({}, "not shown");
  assert.equal(lines.length, 1);
  const record = JSON.parse(lines[0] as string) as Record<string, unknown>;
  assert.deepEqual(Object.keys(record), ["level", "time", "event", "replica", "seat", "msg"]);
  assert.equal(record.level, "warn");
  assert.match(String(record.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test("a file is written, and flush waits for it", async () => {
  const file = join(folder, "a.log");
  const log = createLog({ destination: file });
  for (let line = 0; line < 100; line += 1) log.info({ line }, "text");
  await log.flush();
  assert.equal(readFileSync(file, "utf8").split("\n").length, 101);
  assert.equal(log.dropped, 0);
});

test("a reader that stalls costs lines, not memory or time", async () => {
  // The child logs into a pipe that nobody reads, then tells on stderr how many lines it dropped.
  const program = `
    import { createLog } from ${JSON.stringify(new URL("./log.ts", import.meta.url).href)};
    const log = createLog({ bufferBytesMax: 16384 });
    for (let line = 0; line < 20000; line += 1) {
      log.info({ line }, "x".repeat(100));
      if (line % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    process.stderr.write(String(log.dropped));
  `;
  const file = join(folder, "stalled.mjs");
  writeFileSync(file, program);
  const child = spawn(process.execPath, ["--import", "tsx", file], { stdio: ["ignore", "pipe", "pipe"] });
  const [dropped] = (await once(child.stderr, "data")) as [Buffer];
  child.kill("SIGKILL");
  // A pipe takes 64 KiB, the log's buffer 16 KiB: about 500 lines.
  assert.ok(Number(dropped) > 18_000, `dropped ${dropped} of 20000`);
});

test("at a terminal a line is for people", () => {
  const line = JSON.stringify({
    level: "warn",
    time: "2024-05-06T10:15:02.113Z",
    replica: "S2",
    seat: 2,
    state: "dead",
    reason: "exited with code 1",
    msg: "S2 is dead: exited with code 1",
  });
  assert.equal(formatLogLine(`${line}\n`), "10:15:02 ! S2 is dead: exited with code 1  seat=2\n");
  assert.equal(
    formatLogLine(line, { colour: true }),
    "\x1b[33m10:15:02 ! S2 is dead: exited with code 1  seat=2\x1b[0m\n",
  );
});

test("what a replica prints cannot steer the terminal, and what is not JSON stays as it is", () => {
  const line = JSON.stringify({ level: "info", time: "2024-05-06T10:15:02.113Z", msg: "a\x1b[2Jb\x07" });
  assert.equal(formatLogLine(line), "10:15:02 a\\x1b[2Jb\\x07\n");
  assert.equal(formatLogLine("plain\n"), "plain\n");
  assert.equal(formatLogLine("null\n"), "null\n");
});
