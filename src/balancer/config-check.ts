// Checks a configuration and says what is wrong with it: the option's path, the value seen, what is accepted.
import { z } from "zod";
import { RoundhouseError } from "../errors.ts";
import { type Config, configSchema } from "./config.ts";
import { acceptedValues } from "./config-values.ts";

/**
 * Checks a configuration. Throws RoundhouseError BAD_CONFIG that names each wrong option's path, the value seen and
 * what is accepted.
 *
 * @param where names the source in the message: `roundhouse.config.ts`, `the command line`
 * @param nameOf turns a path (`heartbeat.intervalMs`) into what the user wrote (`--heartbeat-interval-ms`)
 */
export function parseConfig(
  value: unknown,
  where: string,
  nameOf: (path: string) => string = (path) => `"${path}"`,
): Config {
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => describeIssue(issue, value, nameOf));
  throw new RoundhouseError(
    "BAD_CONFIG",
    lines.length === 1
      ? `Wrong option in ${where}: ${lines[0]}`
      : `Wrong options in ${where}:\n${lines.map((line) => `  ${line}`).join("\n")}`,
    { source: "downstream" },
  );
}

function describeIssue(issue: z.core.$ZodIssue, root: unknown, nameOf: (path: string) => string): string {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") return describeUnknown(issue.keys, path, nameOf);
  const seen = path[0] === "token" ? "(not shown)" : valueAt(root, path);
  if (path.length === 0)
    return `expected an object with options, got ${shown(seen)}; export an object, for example { replicas: 3 }`;
  return `${nameOf(path.join("."))} is ${shown(seen)}; accepted: ${acceptedAt(path)}`;
}

function describeUnknown(
  keys: readonly string[],
  path: readonly string[],
  nameOf: (path: string) => string,
): string {
  const known = Object.keys(shapeAt(path) ?? {});
  return keys
    .map((key) => {
      const name = nameOf([...path, key].join("."));
      const near = nearest(key, known);
      const hint = near === undefined ? "" : `did you mean "${near}"? `;
      return `${name} is not an option; ${hint}accepted: ${known.join(", ")}`;
    })
    .join("\n  ");
}

/** A value as an error message shows it: short, and never a secret's length of text. */
function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (value === undefined) return "undefined";
  const json = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined,
    root,
  );
}

function unwrapped(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? unwrapped(schema.unwrap()) : schema;
}

function shapeAt(path: readonly string[]): Record<string, unknown> | undefined {
  let schema: unknown = configSchema;
  for (const key of path) {
    const inner = unwrapped(schema);
    if (!(inner instanceof z.ZodObject)) return undefined;
    schema = inner.shape[key];
  }
  const inner = unwrapped(schema);
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

/** The words for the deepest schema on the path that has some (an array's element has its array's). */
function acceptedAt(path: readonly string[]): string {
  for (let depth = path.length; depth > 0; depth--) {
    const field = unwrapped(shapeAt(path.slice(0, depth - 1))?.[path[depth - 1] as string]);
    if (field instanceof z.ZodType) {
      const words = acceptedValues.get(field)?.accepts;
      if (words !== undefined) return words;
      if (field instanceof z.ZodObject) return `an object with ${Object.keys(field.shape).join(", ")}`;
    }
  }
  return "another value";
}

/** The known name within two edits of the one seen, if any. */
function nearest(seen: string, known: readonly string[]): string | undefined {
  return known.find((name) => editDistance(seen.toLowerCase(), name.toLowerCase()) <= 2);
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(
        Math.min(substitution, (previous[column] as number) + 1, (current[column - 1] as number) + 1),
      );
    }
    previous = current;
  }
  return previous[b.length] as number;
}
