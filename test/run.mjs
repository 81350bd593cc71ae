// Runs every *.test.ts below the given folders (or the given files) with node:test.
// A list is made here because Node 20's `node --test` has no globs. Unit tests, which are below src, share the cores;
// end-to-end tests start and kill processes, and have the machine to themselves, one file after another.
//
//   node test/run.mjs src test          all tests
//   node test/run.mjs src/ring          one folder
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";

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

const isUnit = (path) => !relative("src", path).startsWith("..");
const units = files.filter(isUnit);
const others = files.filter((path) => !isUnit(path));
const failed = [run(units, availableParallelism()), run(others, 1)].some((ok) => !ok);
process.exit(failed ? 1 : 0);

function run(paths, concurrency) {
  if (paths.length === 0) return true;
  const { status, signal } = spawnSync(
    process.execPath,
    [
      ...["--import", "tsx", "--enable-source-maps", "--test", `--test-concurrency=${concurrency}`],
      ...flags,
      ...paths,
    ],
    { stdio: "inherit" },
  );
  if (signal) console.error(`The test runner was ended by ${signal}.`);
  return status === 0;
}
