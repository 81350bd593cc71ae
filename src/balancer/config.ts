// The configuration: one schema for the config file and the command line, so that both give the same errors.
// Reading the file is config-file.ts; turning the result into a running front door is front-door.ts.
import { z } from "zod";
import { RoundhouseError } from "../errors.ts";

/** What each value must be, in words; looked up when an error message is made. */
const acceptedValues = z.registry<{ accepts: string }>();

function accepting<Schema extends z.ZodType>(schema: Schema, accepts: string): Schema {
  acceptedValues.add(schema, { accepts });
  return schema;
}

const wholeNumber = (min: number, max: number, unit = "") =>
  accepting(z.int().min(min).max(max), `a whole number${unit && ` of ${unit}`} from ${min} to ${max}`);
const milliseconds = (min: number, max: number) => wholeNumber(min, max, "milliseconds");
const port = () => accepting(z.int().min(0).max(65_535), "a port from 0 to 65535 (0: any free one)");
const text = (accepts: string) => accepting(z.string().min(1), accepts);
const oneOf = <const Values extends readonly [string, ...string[]]>(...values: Values) =>
  accepting(z.enum(values), `one of ${values.map((value) => `"${value}"`).join(", ")}`);
const cidrs = (what: string) =>
  accepting(z.array(text("an address or CIDR network")), `a list of ${what}, such as ["10.0.0.0/8"]`);
const aFunction = <Signature>(signature: string) =>
  accepting(
    z.custom<Signature>((value) => typeof value === "function"),
    `a function ${signature}`,
  );

/** The request as a key function sees it; valid only during the call. */
export interface KeyRequest {
  /** As received, for example `GET`. */
  readonly method: string;
  /** The raw target, never decoded: `/a%2Fb?x=1`. */
  readonly target: string;
  /** Value of the first header field of this lower-case name. */
  header(name: string): string | undefined;
  /** The socket's peer address. */
  readonly peerAddress: string;
}

/** A routing key made by the user's own code; undefined means "no key", and the request is spread at random. */
export type KeyFunction = (request: KeyRequest) => string | number | undefined;

const heartbeatSchema = z.strictObject({
  kind: oneOf("http", "tcp", "none").optional(),
  path: accepting(
    z.string().regex(/^\/[\x21-\x7e]*$/),
    'a path that begins with "/" and has no spaces',
  ).optional(),
  intervalMs: milliseconds(10, 3_600_000).optional(),
  timeoutMs: milliseconds(10, 3_600_000).optional(),
  downAfter: wholeNumber(1, 100).optional(),
  upAfter: wholeNumber(1, 100).optional(),
});

const limitsSchema = z.strictObject({
  headBytesMax: wholeNumber(256, 1_048_576, "bytes").optional(),
  headerCountMax: wholeNumber(1, 10_000).optional(),
  headDeadlineMs: milliseconds(10, 3_600_000).optional(),
});

const adminSchema = z.strictObject({
  host: text("an address to listen on").optional(),
  port: accepting(
    z.union([z.literal("off"), z.int().min(0).max(65_535)]),
    'a port from 0 to 65535 (0: any free one), or "off"',
  ).optional(),
});

const logSchema = z.strictObject({
  level: oneOf("trace", "debug", "info", "warn", "error", "silent").optional(),
  format: oneOf("auto", "json", "pretty").optional(),
});

const stickyCookieSchema = z.strictObject({
  name: accepting(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), "a cookie name").optional(),
  maxAgeS: wholeNumber(1, 400 * 86_400, "seconds").optional(),
  secure: accepting(z.boolean(), "true or false").optional(),
});

const boundedLoad = accepting(
  z.union([z.literal("off"), z.number().gt(1).max(100)]),
  'a number above 1 such as 1.25 (how far above the average a replica may be loaded), or "off"',
);

const configSchema = z.strictObject({
  /** Address the front door listens on. Default `127.0.0.1`. */
  host: text("an address to listen on").optional(),
  /** Port of the front door. Default 5000. */
  port: port().optional(),
  /** The listener for metrics and health. Default `{ host: "127.0.0.1", port: 5010 }`. */
  admin: adminSchema.optional(),
  /** How many replicas to keep alive. Default 3. */
  replicas: wholeNumber(0, 10_000).optional(),
  /** Upper bound for `/add`. Default 64. */
  replicasMax: wholeNumber(1, 10_000).optional(),
  /** Spare replicas, started and healthy, that take a dead one's seat at once. Default 0. */
  warm: wholeNumber(0, 1_000).optional(),
  /** Who starts the replicas: `process` (we do) or `static` (somebody else does; see `upstreams`). */
  launcher: oneOf("process", "static").optional(),
  /** The server to run, never through a shell; `{port}`, `{host}`, `{id}` are expanded. Default: the built-in one. */
  command: accepting(z.array(z.string()).min(1), 'a list of words, such as ["node", "server.js"]').optional(),
  /** For `static`: servers that somebody else runs, `host:port` or `host:port@weight`. */
  upstreams: accepting(
    z.array(z.string()).min(1),
    'a list such as ["10.0.0.1:8080", "10.0.0.2:8080@2"]',
  ).optional(),
  /** How keys are placed on replicas. Default `rendezvous`. */
  hash: oneOf("rendezvous", "assignment", "ketama", "maglev", "jump").optional(),
  /** Size of the ring's table; constant for the ring's life. Default: the placement's own. */
  slots: wholeNumber(1, 16_777_216).optional(),
  /** For `assignment`: how a taken slot is resolved. Default `linear`. */
  probing: oneOf("linear", "quadratic").optional(),
  /** Replaces the hash of the key: must give a non-negative whole number. */
  requestHash: aFunction<(key: string | number) => number>("(key) => whole number ≥ 0").optional(),
  /** Replaces the hash of a virtual node: must give a non-negative whole number. */
  virtualNodeHash: aFunction<(serverId: number, j: number) => number>(
    "(serverId, j) => whole number ≥ 0",
  ).optional(),
  /**
   * What a request is routed by: `random`, `path`, `query`, `ip`, `header:NAME`, `cookie:NAME`, `query:NAME`, several with
   * commas (the first that is present counts), or a function. Default `random`.
   */
  key: accepting(
    z.union([z.string().min(1), z.custom<KeyFunction>((value) => typeof value === "function")]),
    '"random", "path", "query", "ip", "header:NAME", "cookie:NAME", "query:NAME", several of them with commas, or a function',
  ).optional(),
  /** Issues a cookie to clients that have none, and routes by it. Default: off. */
  stickyCookie: stickyCookieSchema.optional(),
  /** No replica gets more than this times the average of requests in flight. Default `off`. */
  boundedLoad: boundedLoad.optional(),
  heartbeat: heartbeatSchema.optional(),
  /** A replica that is not healthy this long after its start has failed. Default 30,000. */
  startDeadlineMs: milliseconds(100, 3_600_000).optional(),
  /** How long a removed or stopping replica may finish what it has. Default 10,000. */
  drainMs: milliseconds(0, 86_400_000).optional(),
  /** A replica whose resident memory exceeds this is replaced. Default: no limit. */
  maxRssBytes: wholeNumber(1_048_576, Number.MAX_SAFE_INTEGER, "bytes").optional(),
  /** File with `NAME=value` lines for the replicas' environment. */
  envFile: text("a file's path").optional(),
  /** File to which the replicas' output is appended, besides the log. */
  logFile: text("a file's path").optional(),
  /** `off` removes `/rep`, `/add` and `/rm` from the front port. Default `on`. */
  control: oneOf("on", "off").optional(),
  /** Networks whose peers may change the fleet, besides loopback. Default: none. */
  allow: cidrs("addresses and networks").optional(),
  /** Bearer token that may change the fleet from anywhere. Default: none. */
  token: text("a secret text, at least one character; 16 or more are wise").optional(),
  /** Peers whose `X-Forwarded-*` are believed. Default: none. */
  trustedProxies: cidrs("addresses and networks").optional(),
  /** Several requests may share an upstream connection as pipelined writes. Default false. */
  upstreamBatching: accepting(z.boolean(), "true or false").optional(),
  limits: limitsSchema.optional(),
  log: logSchema.optional(),
});

/** What a config file may hold; every field has a default. */
export type Config = z.infer<typeof configSchema>;

/** Types a config file's default export: `export default defineConfig({ replicas: 5 })`. */
export function defineConfig(config: Config): Config {
  return config;
}

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
