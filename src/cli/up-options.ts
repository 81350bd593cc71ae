// The flags of `roundhouse up`: each one names the option of the configuration that it sets.
import type { Command } from "commander";
import { usage } from "./usage.ts";

interface Flag {
  readonly flags: string;
  readonly help: string;
  /** Path in the configuration. */
  readonly path: string;
  /** `list`: may be repeated; `range`: `1..8`, for `min` and `max` below the path; `numberOrWord`: as the schema has it. */
  readonly kind: "text" | "number" | "numberOrWord" | "list" | "yes" | "range";
}

const upFlags: readonly Flag[] = [
  flag("--host <address>", "host", "text", "address of the front door (default 127.0.0.1)"),
  flag("-p, --port <port>", "port", "number", "port of the front door (default 5000; 0: any free one)"),
  flag(
    "--tls-cert <file>",
    "tls.cert",
    "list",
    "certificate in PEM, its chain behind it (repeatable: by SNI)",
  ),
  flag("--tls-key <file>", "tls.key", "list", "its private key in PEM (repeatable, in the same order)"),
  flag(
    "--tls-port <port>",
    "tls.port",
    "number",
    "speak TLS here, and none on --port (default: TLS on --port)",
  ),
  flag("-n, --replicas <count>", "replicas", "number", "how many replicas to keep alive (default 3)"),
  flag("--replicas-max <count>", "replicasMax", "number", "most replicas that /add may lead to (default 64)"),
  flag("--warm <count>", "warm", "number", "spare replicas that take a dead one's place at once (default 0)"),
  flag(
    "--target-in-flight <count>",
    "autoscale.targets.inFlight",
    "number",
    "with --autoscale: requests under way at each replica",
  ),
  flag(
    "--target-rps <count>",
    "autoscale.targets.requestsPerS",
    "number",
    "with --autoscale: requests per second for each replica",
  ),
  flag(
    "--target-p95-ms <ms>",
    "autoscale.targets.p95Ms",
    "number",
    "with --autoscale: 95 of 100 answers are complete within this",
  ),
  flag(
    "--target-cpu <cores>",
    "autoscale.targets.cpuCores",
    "number",
    "with --autoscale: processor time of each replica; 0.7 is 70 % of a core",
  ),
  flag(
    "--idle-ms <ms>",
    "autoscale.zero.idleMs",
    "number",
    "with --autoscale 0..N: without a request for so long, none is kept (default 300000)",
  ),
  flag(
    "--autoscale <min..max>",
    "autoscale",
    "range",
    "have the number of replicas follow the load, such as 1..8; needs a target",
  ),
  flag(
    "--launcher <name>",
    "launcher",
    "text",
    "process (default), docker, swarm (a service each), or static with --upstream",
  ),
  flag(
    "--image <name>",
    "image",
    "text",
    "with --launcher docker or swarm: each replica is a container of this image",
  ),
  flag(
    "--network <name>",
    "network",
    "text",
    "the containers' network (default bridge; for a swarm an attachable overlay)",
  ),
  flag("--fleet <name>", "fleet", "text", "name of the fleet on its Docker engine (default roundhouse)"),
  flag(
    "--container-prefix <text>",
    "container.prefix",
    "text",
    "begins the containers' names (default: none, they are the replicas' names)",
  ),
  flag("--container-port <port>", "container.port", "number", "PORT of the containers (default 8080)"),
  flag(
    "--cpus <count>",
    "container.cpus",
    "number",
    "processors for each container, such as 0.5 (default no limit)",
  ),
  flag(
    "--memory <size>",
    "container.memory",
    "numberOrWord",
    "memory of each container, in bytes or as 512m (default no limit)",
  ),
  flag(
    "--pids-max <count>",
    "container.pidsMax",
    "number",
    "processes and threads of each container (default 4096)",
  ),
  flag("--read-only", "container.readOnly", "yes", "the containers cannot change their image's files"),
  flag(
    "--cap-add <name>",
    "container.capabilities",
    "list",
    "a capability that the containers keep; all others are dropped (repeatable)",
  ),
  flag(
    "--on-exit <stop|keep>",
    "container.onExit",
    "text",
    "whether containers end with the front door (default stop), or wait for the next one",
  ),
  flag(
    "--upstream <host:port[@weight]>",
    "upstreams",
    "list",
    "a server that runs already; balanced and checked, not started (repeatable)",
  ),
  flag("--policy <name>", "policy", "text", "hash (default), round-robin, least-request, p2c"),
  flag(
    "--slow-start-ms <ms>",
    "slowStartMs",
    "number",
    "for a replica that joins others to get its whole weight (default 0)",
  ),
  flag(
    "--hash <placement>",
    "hash",
    "text",
    "rendezvous (default), assignment (the course scheme), ketama, maglev, jump",
  ),
  flag("--slots <count>", "slots", "number", "size of the ring's table (default: the placement's own)"),
  flag("--probing <kind>", "probing", "text", "for assignment: linear (default) or quadratic"),
  flag(
    "--key <expression>",
    "key",
    "text",
    "random (default), path, query, ip, header:NAME, cookie:NAME, query:NAME; with commas, the first present counts",
  ),
  flag("--sticky-cookie <name>", "stickyCookie.name", "text", "issue this cookie and route by it"),
  flag(
    "--bounded-load <factor>",
    "boundedLoad",
    "numberOrWord",
    "no replica gets more than this times the average load, such as 1.25 (default off)",
  ),
  flag("--ejection <on|off>", "ejection.mode", "text", "set aside replicas that fail requests (default on)"),
  flag(
    "--eject-slow <factor>",
    "ejection.latencyFactor",
    "numberOrWord",
    "set aside replicas slower than the others by this factor, such as 4 (default off)",
  ),
  flag(
    "--in-flight-max <count>",
    "breaker.inFlightMax",
    "number",
    "requests that one replica gets at a time; others wait, then get 503 (default 4096)",
  ),
  flag(
    "--when-full <wait|spill>",
    "breaker.whenFull",
    "text",
    "wait for the key's owner (default when hashing), or try others",
  ),
  flag(
    "--retries <count>",
    "retries.attempts",
    "number",
    "retries of a safe request after its first re-dispatch (default 0)",
  ),
  flag(
    "--per-try-timeout-ms <ms>",
    "retries.perTryTimeoutMs",
    "number",
    "with --retries: give up a replica that has not begun to answer (default never)",
  ),
  flag("--heartbeat-kind <kind>", "heartbeat.kind", "text", "http (default), tcp or none"),
  flag("--heartbeat-path <path>", "heartbeat.path", "text", "what is asked for (default /heartbeat)"),
  flag("--heartbeat-interval-ms <ms>", "heartbeat.intervalMs", "number", "between two checks (default 1000)"),
  flag("--heartbeat-timeout-ms <ms>", "heartbeat.timeoutMs", "number", "for one check (default 1000)"),
  flag(
    "--start-deadline-ms <ms>",
    "startDeadlineMs",
    "number",
    "for a replica to become healthy (default 30000)",
  ),
  flag(
    "--workers <count>",
    "workers",
    "number",
    "processes that serve requests, behind one port (default 1)",
  ),
  flag("--state <file>", "state", "text", "keep N, names, seats and weights here over restarts"),
  flag(
    "--lame-duck-ms <ms>",
    "lameDuckMs",
    "number",
    "go on accepting so long after a signal, with /readyz at 503 (default 0 on a terminal, else 500)",
  ),
  flag("--drain-ms <ms>", "drainMs", "number", "for a stopping replica to finish (default 10000)"),
  flag("--max-rss-bytes <bytes>", "maxRssBytes", "number", "replace a replica that uses more memory"),
  // Not --env-file: Node 20 takes that one for itself, wherever it stands on the command line.
  flag("--env-from <file>", "envFile", "text", "NAME=value lines for the replicas' environment"),
  flag("--log-file <file>", "logFile", "text", "append the replicas' output to this file too"),
  flag("--admin-host <address>", "admin.host", "text", "address of the admin listener (default 127.0.0.1)"),
  flag(
    "--admin-port <port>",
    "admin.port",
    "numberOrWord",
    "port of the admin listener (default 5010), or off",
  ),
  flag("--control <on|off>", "control", "text", "off removes /rep, /add and /rm from the front port"),
  flag("--allow <cidr>", "allow", "list", "network that may change the fleet, besides loopback (repeatable)"),
  flag("--token <secret>", "token", "text", "bearer token that may change the fleet (or ROUNDHOUSE_TOKEN)"),
  flag(
    "--trust-proxy <cidr>",
    "trustedProxies",
    "list",
    "peer whose X-Forwarded-* are believed (repeatable)",
  ),
  flag(
    "--upstream-batching",
    "upstreamBatching",
    "yes",
    "let requests share upstream connections as pipelined writes",
  ),
  flag(
    "--access-log <file>",
    "accessLog.file",
    "text",
    "append a line for every request; - is standard output",
  ),
  flag("--access-log-format <format>", "accessLog.format", "text", "json (default) or combined"),
  flag(
    "--traceparent <how>",
    "headers.traceparent",
    "text",
    "trace context: pass it on (default), start where it is missing, or join with spans of our own",
  ),
  flag("--queue", "queue.enabled", "yes", "run the sharded, durable queue too: its brokers and its paths"),
  flag("--brokers <count>", "queue.brokers", "number", "broker processes of the queue (default 1)"),
  flag("--queue-port <port>", "queue.port", "numberOrWord", "port of the queue's API (default 5005), or off"),
  flag(
    "--read-port <port>",
    "queue.readPort",
    "numberOrWord",
    "port for what consumers of the course's contract do (default 5001), or off",
  ),
  flag("--queue-data <folder>", "queue.dataDir", "text", "where it is kept (default ./roundhouse-queue)"),
  flag("--queue-paths", "queue.paths", "yes", "serve the queue's /v1 on the front port too"),
  flag(
    "--queue-durability <when>",
    "queue.durability",
    "text",
    "answer when a message is synced to the disk (default), or written",
  ),
  flag("--log-level <level>", "log.level", "text", "debug, info (default), warn, error or silent"),
  flag("--log-format <format>", "log.format", "text", "auto (default), json or pretty"),
];

function flag(flags: string, path: string, kind: Flag["kind"], help: string): Flag {
  return { flags, path, kind, help };
}

/** Adds the flags to the command; all of them, or those of the paths that are wanted. */
export function addUpFlags(command: Command, wanted: (path: string) => boolean = () => true): Command {
  for (const { flags, help, kind } of upFlags.filter(({ path }) => wanted(path))) {
    if (kind === "list")
      command.option(flags, help, (value: string, seen: string[] = []) => [...seen, value]);
    else command.option(flags, help);
  }
  return command;
}

/** What the queue alone is configured by. */
export function isQueueFlag(path: string): boolean {
  if (path === "queue.enabled" || path === "queue.paths") return false;
  return /^(host|drainMs|allow|token|trustedProxies)$|^(queue|admin|log)\./.test(path);
}

/** The part of a configuration that the flags set; values that are no numbers stay text, for the schema to refuse. */
export function configFromFlags(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const { flags, path, kind } of upFlags) {
    const value = values[attributeName(flags)];
    if (value === undefined) continue;
    if (kind === "range") {
      for (const [end, count] of Object.entries(rangeOf(flags, String(value))))
        setAt(config, [path, end], count);
      continue;
    }
    const numeric = kind === "number" || kind === "numberOrWord";
    setAt(config, path.split("."), numeric ? numberOrText(String(value)) : value);
  }
  return config;
}

/** What the user typed for a path of the configuration: `heartbeat.intervalMs` → `--heartbeat-interval-ms`. */
export function flagNameOf(path: string): string {
  const found = upFlags.find((candidate) => path === candidate.path || path.startsWith(`${candidate.path}.`));
  return found === undefined ? `"${path}"` : longName(found.flags);
}

function longName(flags: string): string {
  return /--[a-z0-9-]+/.exec(flags)?.[0] ?? flags;
}

/** commander's own camel-casing of a long flag. */
function attributeName(flags: string): string {
  return longName(flags)
    .slice(2)
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function rangeOf(flags: string, text: string): { min: number; max: number } {
  const [, min, max] = /^(\d+)\.\.(\d+)$/.exec(text) ?? [];
  if (min !== undefined && max !== undefined) return { min: Number(min), max: Number(max) };
  throw usage(`${longName(flags)} is "${text}"; accepted: the least and the most, such as 1..8`);
}

function numberOrText(value: string): number | string {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : value;
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = (target[key] ?? {}) as Record<string, unknown>;
  target[key] = inner;
  setAt(inner, rest, value);
}
