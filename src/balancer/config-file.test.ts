import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { loadConfigFile } from "./config-file.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "roundhouse-config-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFileSync(join(directory, name), text);

test("without a file there is an empty configuration", async () => {
  assert.deepEqual(await loadConfigFile(undefined, directory), { file: undefined, config: {} });
});

test("TypeScript, JavaScript and JSON are found under their default names", async () => {
  const files: [string, string][] = [
    ["roundhouse.config.json", '{ "replicas": 7 }'],
    ["roundhouse.config.js", "module.exports = { replicas: 4 };"],
    ["roundhouse.config.js", "export default { replicas: 6 };"],
    ["roundhouse.config.ts", "const n: number = 5; export default { replicas: n, key: () => n };"],
  ];
  for (const [name, text] of files) {
    write(name, text);
    const { file, config } = await loadConfigFile(undefined, directory);
    assert.equal(file, join(directory, name));
    assert.equal(config.replicas, Number(/[4567]/.exec(text)?.[0]));
  }
});

test("each way a file can be wrong has words of its own", async () => {
  write("throws.ts", 'throw new Error("no database");');
  write("empty.ts", "export const replicas = 3;");
  write("broken.json", '{ "replicas": }');
  write("syntax.ts", "export default {");
  write("wrong.js", "export default { replicas: -1 };");
  const cases: [string, RegExp][] = [
    ["missing.ts", /Cannot use the config file .*missing\.ts: there is no such file/],
    ["throws.ts", /throws\.ts: it threw while being loaded: Error: no database/],
    ["empty.ts", /empty\.ts: it has no default export/],
    ["broken.json", /broken\.json: it is not valid JSON/],
    ["syntax.ts", /syntax\.ts: it threw while being loaded/],
    ["wrong.js", /Wrong option in wrong\.js: "replicas" is -1/],
  ];
  for (const [name, expected] of cases)
    await assert.rejects(loadConfigFile(name, directory), { code: "BAD_CONFIG", message: expected });
});
