// A hundred random operations, again and again, in a made-up world; `npm run simulate -- 5000` tries more. Whatever
// happens, N, seats, names, servers and ring agree.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const program = fileURLToPath(new URL("./simulate.ts", import.meta.url));
const seedsEach = 100;

/** Gives what was wrong, or nothing. */
async function failures(from: number): Promise<string> {
  const args = ["--import", "tsx", program, String(seedsEach), String(from)];
  try {
    await promisify(execFile)(process.execPath, args);
    return "";
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stdout + stderr;
  }
}

test("a hundred random operations, many times: N, seats, names, servers and ring agree", async () => {
  // Two at a time: this is work for the processor alone.
  const found = await Promise.all([failures(1), failures(1 + seedsEach)]);
  assert.deepEqual(found, ["", ""]);
});
