// Runs every *.test.ts below the given folders (or the given files) with node:test.
// A list is made here because Node 20's `node --test` has no globs.
//
//   node test/run.mjs src test          all tests
//   node test/run.mjs src/ring          one folder
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const roots = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const flags = process.argv.slice(2).filter((argument) => argument.startsWith("-"));

function testFilesBelow(root) {
  if (statSync(root).isFile()) return [root];
  return readdirSync(root, { recursive: true })
    .map((name) => join(root, String(name)))
    .filter((path) => path.endsWith(".test.ts"))
    .sort();
}

const files = roots.flatMap(testFilesBelow);
if (files.length === 0) {
  console.error(`No *.test.ts file below ${roots.join(", ") || "(no folder named)"}.`);
  process.exit(1);
}
const { status, signal } = spawnSync(
  process.execPath,
  ["--import", "tsx", "--enable-source-maps", "--test", "--test-concurrency=1", ...flags, ...files],
  { stdio: "inherit" },
);
if (signal) console.error(`The test runner was ended by ${signal}.`);
process.exit(status ?? 1);
