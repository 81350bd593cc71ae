// The examples of docs/queue-api.md, run by a shell as they stand: each must succeed.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { serveQueue } from "./served.ts";

const run = promisify(execFile);
const document = readFileSync(new URL("../../../docs/queue-api.md", import.meta.url), "utf8");

test("every example of the document succeeds", async () => {
  const queue = await serveQueue();
  const folder = await mkdtemp(join(tmpdir(), "examples-"));
  const blocks = [...document.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block ?? "");
  assert.ok(blocks.length >= 5);
  try {
    const script = `set -eu -o pipefail\ncurl() { command curl --fail-with-body "$@"; echo; }\n${blocks.join("\n")}`;
    const env = { ...process.env, QUEUE: `http://127.0.0.1:${queue.port}` };
    const { stdout } = await run("bash", ["-c", script], { cwd: folder, env, timeout: 30_000 });
    assert.match(stdout, /"message":"hello","topic":"T1:P1"/);
    assert.match(stdout, /"lag":/);
    assert.ok(!stdout.includes('"code"'));
  } finally {
    await queue.close();
    await rm(folder, { recursive: true, force: true });
  }
});
