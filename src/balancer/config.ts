// What can be configured: one schema for the config file and the command line.
// Checking a value against it is config-check.ts; reading the file is config-file.ts.
import { z } from "zod";
import {
  accepting,
  aFunction,
  aNumber,
  bytes,
  cidrs,
  milliseconds,
  oneOf,
  port,
  text,
  wholeNumber,
  yesOrNo,
} from "./config-values.ts";
import { containerSchema } from "./container-config.ts";

/** The request as a key function sees it; valid only during the call. */
export interface KeyRequest {
  /** As received, for example `GET`. */
  readonly method: string;
  /** The raw target, never decoded: `/a%2Fb?x=1`. */
  readonly target: string;
  /** Value of the header field of this lower-case name; several are joined with `, ` (Cookie: `; `). */
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
  expect: oneOf("200", "below-500").optional(),
  downAfter: wholeNumber(1, 100).optional(),
  upAfter: wholeNumber(1, 100).optional(),
});

/** See `proxy/limits.ts` for what each one bounds and its default. */
const limitsSchema = z.strictObject({
  headBytesMax: bytes(256, 1_048_576).optional(),
  headerCountMax: wholeNumber(1, 10_000).optional(),
  headDeadlineMs: milliseconds(10, 3_600_000).optional(),
  keepAliveIdleMs: milliseconds(10, 86_400_000).optional(),
  requestIdleMs: milliseconds(10, 86_400_000).optional(),
  requestBytesMax: bytes(0, Number.MAX_SAFE_INTEGER).optional(),
  responseDeadlineMs: milliseconds(10, 86_400_000).optional(),
  responseIdleMs: milliseconds(10, 86_400_000).optional(),
  sendIdleMs: milliseconds(10, 86_400_000).optional(),
  tunnelIdleMs: milliseconds(10, 86_400_000 * 7).optional(),
  connectDeadlineMs: milliseconds(10, 3_600_000).optional(),
  answerHeadBytesMax: bytes(256, 1_048_576).optional(),
  answerHeaderCountMax: wholeNumber(1, 10_000).optional(),
  heldAnswerBytesMax: bytes(0, 16_777_216).optional(),
  replayBytesMax: bytes(0, 16_777_216).optional(),
  bufferedBytesMax: bytes(16_384, 16_777_216).optional(),
  connectionsMax: wholeNumber(1, 1_000_000).optional(),
  connectionsPerAddressMax: wholeNumber(1, 1_000_000).optional(),
  requestsPerConnectionMax: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
  handshakeDeadlineMs: milliseconds(10, 3_600_000).optional(),
  streamsMax: wholeNumber(1, 10_000).optional(),
  wastedStreamsMax: wholeNumber(1, 1_000_000).optional(),
});

/** See `HeaderPolicy` in `proxy/proxy.ts`. */
const headersSchema = z.strictObject({
  xForwarded: yesOrNo().optional(),
  forwarded: yesOrNo().optional(),
  via: yesOrNo().optional(),
  requestId: yesOrNo().optional(),
  traceparent: oneOf("pass", "start", "join").optional(),
  underscoreNames: oneOf("drop", "refuse", "forward").optional(),
});

const adminSchema = z.strictObject({
  host: text("an address to listen on").optional(),
  port: accepting(
    z.union([z.literal("off"), z.int().min(0).max(65_535)]),
    'a port from 0 to 65535 (0: any free one), or "off"',
  ).optional(),
});

const portOrOff = () =>
  accepting(
    z.union([z.literal("off"), z.int().min(0).max(65_535)]),
    'a port from 0 to 65535 (0: any free one), or "off"',
  );

/** The queue beside the front door; see `queue-options.ts`. */
const queueSchema = z.strictObject({
  /** Default false: there is no queue, and none of its paths are reserved. */
  enabled: yesOrNo().optional(),
  /** Broker processes to begin with, named broker0, broker1 …; default 1. */
  brokers: wholeNumber(0, 64).optional(),
  /** Port of the queue's own listener; default 5005. */
  port: portOrOff().optional(),
  /** Port for consumers of the course's contract, besides the front port; default 5001. */
  readPort: portOrOff().optional(),
  /** Where everything is kept; default `roundhouse-queue` in the working directory. */
  dataDir: text("a folder's path").optional(),
  /** Whether `/v1` on the front port is the queue's too; default false. */
  paths: yesOrNo().optional(),
  /** When a message counts as stored: on the disk (`synced`, default), or with the operating system (`written`). */
  durability: oneOf("synced", "written").optional(),
  /** Largest message; default 1 MiB. */
  messageBytesMax: bytes(1, 64 * 1024 * 1024).optional(),
});

const logSchema = z.strictObject({
  level: oneOf("debug", "info", "warn", "error", "silent").optional(),
  format: oneOf("auto", "json", "pretty").optional(),
});

const numberOrOff = (schema: z.ZodNumber, accepts: string) =>
  accepting(z.union([z.literal("off"), schema]), `${accepts}, or "off"`);
const streakMax = () => numberOrOff(z.int().min(1).max(1_000_000), "a whole number from 1 to 1000000");

/** See `ejection.ts` for what each one means and `ejection-options.ts` for its default. */
const ejectionSchema = z.strictObject({
  mode: oneOf("on", "off").optional(),
  failuresMax: streakMax().optional(),
  gatewayErrorsMax: streakMax().optional(),
  serverErrorsMax: streakMax().optional(),
  latencyFactor: numberOrOff(z.number().min(1.1).max(1_000), "a number from 1.1 to 1000").optional(),
  latencyFloorMs: milliseconds(0, 3_600_000).optional(),
  latencyRequestsMin: wholeNumber(1, 1_000_000_000).optional(),
  latencyWindowMs: milliseconds(100, 3_600_000).optional(),
  ejectionMs: milliseconds(10, 86_400_000).optional(),
  ejectionMsMax: milliseconds(10, 86_400_000).optional(),
  ejectedPercentMax: wholeNumber(1, 100, "per cent").optional(),
  panicPercent: wholeNumber(0, 100, "per cent").optional(),
});

/** See `UpstreamLimits` in `proxy/limits.ts`: connectionsMax, waitingMax, waitMs, spills. */
const breakerSchema = z.strictObject({
  inFlightMax: wholeNumber(1, 1_000_000).optional(),
  waitingMax: wholeNumber(0, 1_000_000).optional(),
  waitMs: milliseconds(0, 3_600_000).optional(),
  whenFull: oneOf("wait", "spill").optional(),
});

/** See `RetryPolicy` in `proxy/retries.ts`. */
const retriesSchema = z.strictObject({
  attempts: wholeNumber(0, 10).optional(),
  perTryTimeoutMs: milliseconds(10, 3_600_000).optional(),
  on: accepting(
    z.array(z.enum(["connect-failure", "reset", "timeout", "gateway-error"])),
    'a list of "connect-failure", "reset", "timeout", "gateway-error"',
  ).optional(),
  budgetPercent: wholeNumber(0, 100, "per cent").optional(),
  minRetries: wholeNumber(0, 1_000).optional(),
});

/** See `fleet/autoscale.ts` for what each one means, `autoscale-options.ts` for its default. */
const autoscaleSchema = z.strictObject({
  /** Default 1; 0: none at all when there is nothing to do. */
  min: wholeNumber(0, 10_000).optional(),
  max: wholeNumber(1, 10_000).optional(),
  /** What each replica should have; the one that asks for most decides. */
  targets: z
    .strictObject({
      inFlight: aNumber(0.01, 1_000_000).optional(),
      requestsPerS: aNumber(0.01, 10_000_000).optional(),
      p95Ms: aNumber(0.1, 3_600_000).optional(),
      /** 0.7 is 70 % of one core. */
      cpuCores: aNumber(0.01, 1_000).optional(),
    })
    .optional(),
  toleranceRatio: aNumber(0, 1).optional(),
  stepRatioMax: aNumber(1.01, 100).optional(),
  upCooldownMs: milliseconds(0, 3_600_000).optional(),
  downCooldownMs: milliseconds(0, 86_400_000).optional(),
  stabilizationMs: milliseconds(0, 3_600_000).optional(),
  intervalMs: milliseconds(100, 60_000).optional(),
  averageMs: milliseconds(100, 600_000).optional(),
  /** With min 0. */
  zero: z
    .strictObject({
      idleMs: milliseconds(100, 86_400_000).optional(),
      heldMax: wholeNumber(1, 1_000_000).optional(),
      waitMs: milliseconds(100, 3_600_000).optional(),
    })
    .optional(),
});

const accessLogSchema = z.strictObject({
  file: text('a path to append to, or "-" for standard output'),
  format: oneOf("json", "combined").optional(),
});

const stickyCookieSchema = z.strictObject({
  name: accepting(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), "a cookie name").optional(),
  maxAgeS: wholeNumber(1, 400 * 86_400, "seconds").optional(),
  secure: yesOrNo().optional(),
});

const boundedLoad = accepting(
  z.union([z.literal("off"), z.number().gt(1).max(100)]),
  'a number above 1 such as 1.25 (how far above the average a replica may be loaded), or "off"',
);

const files = () => accepting(z.array(z.string().min(1)).min(1), 'a list of files, such as ["cert.pem"]');

const tlsSchema = z.strictObject({
  cert: files(),
  key: files(),
  port: port().optional(),
});

export const configSchema = z.strictObject({
  /** Address the front door listens on. Default `127.0.0.1`. */
  host: text("an address to listen on").optional(),
  /** Port of the front door. Default 5000. */
  port: port().optional(),
  /**
   * TLS: certificates and their keys, files in PEM, the n-th with the n-th. `port` speaks TLS then; with `tls.port` that
   * one does, and `port` stays without. Default: off.
   */
  tls: tlsSchema.optional(),
  /** The listener for metrics and health. Default `{ host: "127.0.0.1", port: 5010 }`. */
  admin: adminSchema.optional(),
  /** How many replicas to keep alive. Default 3. */
  replicas: wholeNumber(0, 10_000).optional(),
  /** Upper bound for `/add`. Default 64. */
  replicasMax: wholeNumber(1, 10_000).optional(),
  /** Spare replicas, started and healthy, that take a dead one's seat at once. Default 0. */
  warm: wholeNumber(0, 1_000).optional(),
  /** Has the number of replicas follow the load; see docs/autoscale.md. Default: off. */
  autoscale: autoscaleSchema.optional(),
  /** Who starts the replicas: `process`, `docker` and `swarm` (we do), or `static` (somebody else does; see `upstreams`). */
  launcher: oneOf("process", "docker", "swarm", "static").optional(),
  /** For `docker` and `swarm`: the image of which each replica is a container. */
  image: text("an image's name, such as web:2").optional(),
  /**
   * For `docker` and `swarm`: the network of the replicas, whose addresses the front door must reach. Default for
   * `docker`: its `bridge`.
   */
  network: text("a network's name").optional(),
  /** For `docker` and `swarm`: names the fleet on its engine. Default `roundhouse`. */
  fleet: accepting(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,40}$/),
    'a name of letters, digits, "_", "." and "-", beginning with a letter or digit',
  ).optional(),
  /** For `docker` and `swarm`: limits and rights of the replicas' containers. */
  container: containerSchema.optional(),
  /** The server to run, never through a shell; `{port}`, `{host}`, `{id}` are expanded. Default: the built-in one. */
  command: accepting(z.array(z.string()).min(1), 'a list of words, such as ["node", "server.js"]').optional(),
  /** For `static`: servers that somebody else runs, `host:port` or `host:port@weight`. */
  upstreams: accepting(
    z.array(z.string()).min(1),
    'a list such as ["10.0.0.1:8080", "10.0.0.2:8080@2"]',
  ).optional(),
  /** How a replica is chosen: by key (`hash`), or by turns or load whatever the key. Default `hash`. */
  policy: oneOf("hash", "round-robin", "least-request", "p2c").optional(),
  /** A replica that joins others gets a tenth of its weight at first, and all of it after this time. Default 0: off. */
  slowStartMs: milliseconds(0, 3_600_000).optional(),
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
  /** How replicas are checked; see `fleet/heartbeat.ts`. */
  heartbeat: heartbeatSchema.optional(),
  /** When a replica is set aside for what its answers are like. Default: on, latency apart. */
  ejection: ejectionSchema.optional(),
  /** How much one replica gets at a time, and what becomes of the rest. Default: 4096 places, 1024 wait 3,000 ms. */
  breaker: breakerSchema.optional(),
  /** Retries beyond the one safe re-dispatch that every request has. Default: none. */
  retries: retriesSchema.optional(),
  /** A replica that is not healthy this long after its start has failed. Default 30,000. */
  startDeadlineMs: milliseconds(100, 3_600_000).optional(),
  /** Processes that serve requests, behind one port; 1 is this process alone. Default 1. */
  workers: wholeNumber(1, 256).optional(),
  /** Where N, names, seats and weights are kept over restarts. Default: nowhere. */
  state: text("a file's path").optional(),
  /** How long a front door that was asked to stop still accepts, with `/readyz` at 503. Default 0 on a terminal, else 500. */
  lameDuckMs: milliseconds(0, 3_600_000).optional(),
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
  upstreamBatching: yesOrNo().optional(),
  /** What is added to forwarded requests. */
  headers: headersSchema.optional(),
  limits: limitsSchema.optional(),
  /** The sharded, durable queue. Default: none. */
  queue: queueSchema.optional(),
  log: logSchema.optional(),
  /** A line for every request, as JSON (default) or in the combined format. Default: none. */
  accessLog: accessLogSchema.optional(),
});

/** What a config file may hold; every field has a default. */
export type Config = z.infer<typeof configSchema>;

/** Types a config file's default export: `export default defineConfig({ replicas: 5 })`. */
export function defineConfig(config: Config): Config {
  return config;
}
