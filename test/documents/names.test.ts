// What the documents name of the program is there: imports of the package, options of the configuration, metrics.
import assert from "node:assert/strict";
import { test } from "node:test";
import { configSchema } from "../../src/balancer/config.ts";
import { documents, files, read } from "./markdown.ts";

const manifest = JSON.parse(read("package.json")) as { exports: Record<string, { default: string }> };

/** `import { a, type B } from "roundhouse-lb/x"`: what of it the package does not export. */
function unknownImports(code: string): string[] {
  const imports = code.matchAll(/import \{([^}]+)\} from "roundhouse-lb(\/[\w-]+)?"/g);
  return [...imports].flatMap(([, names = "", entry = ""]) => {
    const built = manifest.exports[`.${entry}`]?.default;
    if (built === undefined) return [`roundhouse-lb${entry}`];
    const source = read(built.replace(/^\.\/dist/, "src").replace(/\.js$/, ".ts"));
    return names
      .split(",")
      .map((name) => name.trim().replace(/^type /, ""))
      .filter((name) => !new RegExp(`^export .*\\b${name}\\b`, "m").test(source))
      .map((name) => `${name} of roundhouse-lb${entry}`);
  });
}

interface Schema {
  readonly def: {
    readonly type: string;
    readonly innerType?: Schema;
    readonly in?: Schema;
    readonly shape?: Readonly<Record<string, Schema>>;
    readonly options?: readonly Schema[];
  };
}

function has(schema: Schema, [key, ...rest]: readonly string[]): boolean {
  const { innerType, in: input, shape, options } = schema.def;
  const inner = innerType ?? input;
  if (key === undefined) return true;
  if (options !== undefined) return options.some((option) => has(option, [key, ...rest]));
  if (shape !== undefined) return shape[key] !== undefined && has(shape[key], rest);
  return inner !== undefined && has(inner, [key, ...rest]);
}

const schema = configSchema as unknown as Schema;

/** `breaker.inFlightMax`: of an option that has others in it. */
function isOption(span: string): boolean {
  return /^[a-z]\w*(\.[a-z]\w*)+$/.test(span) && has(schema, span.split(".").slice(0, 1));
}

const telemetry = files
  .filter((path) => path.startsWith("src/telemetry/") && !path.endsWith(".test.ts"))
  .map(read)
  .join("\n");

function unknownMetrics(text: string): string[] {
  const named = text.match(/(?<![\w-])roundhouse_[a-z][a-z0-9_]*/g) ?? [];
  return named.filter((name) => !telemetry.includes(name.replace(/_(bucket|sum|count)$/, "")));
}

for (const { path, prose, spans, codeLines } of documents) {
  test(`the names in ${path}`, () => {
    const code = codeLines.join("\n");
    const options = spans.filter((span) => isOption(span) && !has(schema, span.split(".")));
    assert.deepEqual([...unknownImports(code), ...options, ...unknownMetrics(`${prose}\n${code}`)], []);
  });
}

test("operations.md names the options that a reload applies, and no others", () => {
  const live = [...read("src/balancer/reload.ts").matchAll(/^ {2}(\w+): "live",$/gm)].map(([, name]) => name);
  const [, list = ""] = /What can change at run time: ([^.]*\.level`)/.exec(read("docs/operations.md")) ?? [];
  const named = [...list.matchAll(/`(\w+)(?:\.\w+)?`/g)].map(([, name]) => name);
  assert.deepEqual(named.sort(), live.sort());
});

test("what is not there is found", () => {
  assert.deepEqual(unknownImports('import { createRink } from "roundhouse-lb/ring"'), [
    "createRink of roundhouse-lb/ring",
  ]);
  assert.deepEqual(unknownImports('import { a } from "roundhouse-lb/none"'), ["roundhouse-lb/none"]);
  assert.ok(isOption("breaker.inFlightMax") && has(schema, ["breaker", "inFlightMax"]));
  assert.ok(isOption("breaker.none") && !has(schema, ["breaker", "none"]));
  assert.deepEqual(unknownMetrics("`roundhouse_no_such_total`"), ["roundhouse_no_such_total"]);
});
