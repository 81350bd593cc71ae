// Every command line in the documents is one that the program takes: its sub-commands and flags exist. Flags that stand
// alone belong to one of our commands, or to Node, or are named below with the program that takes them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { Command } from "commander";
import { program } from "../../src/cli/program.ts";
import { documents, files, read } from "./markdown.ts";

const ours = program();
const all = commandsOf(ours);
const knownFlags = new Set(all.flatMap(flagsOf));

function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsOf)];
}

function flagsOf(command: Command): string[] {
  const options = command.options.flatMap(({ long, short }) => [long, short]);
  return [...options.filter((flag) => typeof flag === "string"), "--help", "-h"];
}

/** Flags of other programs that the text speaks of. */
const foreignFlags: ReadonlySet<string> = new Set([
  // docker
  ...["--attachable", "--build-arg", "--cap-drop", "--group-add", "--init", "--opt", "--restart"],
  ...["--restart-condition", "--rm", "--security-opt", "--tmpfs"],
  // certbot
  "--deploy-hook",
]);

const nodeHelp = ["--help", "--v8-options"]
  .map((flag) => spawnSync(process.execPath, [flag], { encoding: "utf8" }).stdout)
  .join("\n");

/** The course project's commands, benchmarks and test scripts read their own flags. */
const scripts = files
  .filter((path) => /^(src\/cli\/(run|course)|bench\/|test\/(course|checker)\/)/.test(path))
  .map(read)
  .join("\n");

const isIn = (text: string, flag: string): boolean => new RegExp(`${flag}(?![\\w-])`).test(text);

/** What a line asks of our program that it does not know. */
function unknownIn(line: string): string[] {
  return [...line.matchAll(/(?<![\w.,/-])roundhouse ((?:[^#|;&`()]|\$\{?\w)*)/g)].flatMap(([, text = ""]) => {
    const words =
      text
        .split(/ --(?: |$)/)[0]
        ?.split(/\s+/)
        .filter(Boolean) ?? [];
    let command = ours;
    let at = 0;
    for (; at < words.length; at += 1) {
      const next = command.commands.find((each) => each.name() === words[at]);
      if (next === undefined) break;
      command = next;
    }
    const known = new Set(flagsOf(command));
    const flags = words.slice(at).flatMap((word) => /^--?[a-z][\w-]*/.exec(word)?.[0] ?? []);
    return flags.filter((flag) => !known.has(flag)).map((flag) => `${command.name()} ${flag}`);
  });
}

/** `npm run bench -- NAME …`: what no file of that benchmark knows. */
function unknownInBench(line: string): string[] {
  const [, name, rest = ""] = /npm run bench -- (\w+)([^`]*)/.exec(line) ?? [];
  if (name === undefined) return [];
  const sources = files.filter((path) => path.startsWith(`bench/${name === "store" ? "queue" : name}/`));
  if (sources.length === 0) return [`bench ${name}`];
  const text = sources.map(read).join("\n");
  const flags = rest.replaceAll(/'[^']*'/g, "").match(/(?<=\s)--[a-z][\w-]*/g) ?? [];
  return flags.filter((flag) => !isIn(text, flag)).map((flag) => `bench ${name} ${flag}`);
}

for (const { path, spans, codeLines } of documents) {
  test(`the command lines of ${path}`, () => {
    const lines = [...codeLines, ...spans];
    const alone = spans
      .flatMap((span) => /^(--[a-z][\w-]*)/.exec(span)?.[1] ?? [])
      .filter(
        (flag) => !knownFlags.has(flag) && !foreignFlags.has(flag) && !isIn(`${scripts}${nodeHelp}`, flag),
      );
    assert.deepEqual([...lines.flatMap(unknownIn), ...lines.flatMap(unknownInBench), ...alone], []);
  });
}

/** Rows `| \`--flag N\` | 3 | …`: the default is a number, or in backticks. */
const defaultRows = documents.flatMap(({ path, prose }) =>
  [...prose.matchAll(/^\| `(--[a-z][\w-]*)[^|]*\| (\d+|`[^`]+`) \|/gm)].map(([, flag = "", value = ""]) => ({
    path,
    flag,
    value: value.replaceAll("`", ""),
  })),
);

test("the defaults in tables are those that --help states", () => {
  const helps = all.flatMap(({ options }) => options.map(({ long, description }) => ({ long, description })));
  const others = defaultRows.filter(
    ({ flag, value }) => !helps.some(({ long, description }) => long === flag && isIn(description, value)),
  );
  assert.deepEqual(others, []);
  assert.ok(defaultRows.length >= 12);
});

test("what the program does not take is found", () => {
  assert.deepEqual(unknownIn("npx roundhouse up -n 4 --kee path -- node server.js --port 1"), ["up --kee"]);
  assert.deepEqual(unknownIn("roundhouse topic create orders --shards 4"), []);
  assert.deepEqual(unknownInBench("npm run bench -- proxy --case a"), ["bench proxy --case"]);
});
