// From the words of `roundhouse load` to what load.ts runs by: parsed, checked, with its defaults.
import { readFileSync } from "node:fs";
import { RoundhouseError } from "../errors.ts";
import { parseStages, type Stage } from "./arrivals.ts";
import type { Target } from "./client-connection.ts";
import { parseKeys } from "./keys.ts";
import type { LoadOptions } from "./load.ts";
import { seededRandom } from "./random.ts";
import { createRequestText, parseMethods } from "./request-text.ts";

/** As typed; every field but the URL has a default. */
export interface LoadFlags {
  /** `http://127.0.0.1:5000/home?{key}`: where to, and the target with `{key}`. */
  readonly url: string;
  /** Requests/s: the open model. A number, or stages such as `10s:100,30s:500`. */
  readonly rate?: string;
  /** Users: the closed model, which is the default, with 16. A number, or stages. */
  readonly users?: string;
  /** Default 10s; with `requests` alone, as long as they take. Not with stages. */
  readonly duration?: string;
  readonly requests?: string;
  readonly keys?: string;
  readonly method?: string;
  readonly header?: readonly string[];
  /** `@file`: the file's text. */
  readonly body?: string;
  /** `header:NAME`, a regular expression with one group, or `off`. */
  readonly countBy?: string;
  readonly arrivals?: string;
  readonly timeoutMs?: string;
  readonly connections?: string;
  readonly seed?: string;
  readonly insecure?: boolean;
}

export interface LoadSettings {
  readonly options: LoadOptions;
  readonly seed: number;
}

/** The greeting of the built-in replica, and of the course project's. */
const greeting = 'Hello from Server: ([^"]+)';
const untilDoneS = 24 * 3600;

/** Throws BAD_CONFIG. */
export function settleLoad(flags: LoadFlags): LoadSettings {
  const url = urlOf(flags.url);
  const seed = whole("--seed", flags.seed ?? "1", 0, 0xffffffff);
  const random = seededRandom(seed);
  if (flags.rate !== undefined && flags.users !== undefined) {
    throw refused(
      "--rate and --users are both given; accepted: one of them (a rate is the open model, users the closed one)",
    );
  }
  const model = flags.rate === undefined ? "closed" : "open";
  const replicaOf = replicaFinder(flags.countBy ?? greeting);
  const options: LoadOptions = {
    target: targetOf(url, flags.insecure === true),
    model,
    stages: stagesOf(flags, model),
    ...(flags.requests === undefined ? {} : { requestCount: whole("--requests", flags.requests, 1, 1e10) }),
    spacing: spacingOf(flags.arrivals ?? "even"),
    methods: parseMethods(flags.method ?? "GET"),
    keys: parseKeys(flags.keys ?? "random", random),
    requestText: createRequestText({
      host: url.host,
      target: targetText(flags.url),
      headers: flags.header ?? [],
      body: bodyOf(flags.body),
    }),
    ...(replicaOf === null ? {} : { replicaOf }),
    timeoutMs: whole("--timeout-ms", flags.timeoutMs ?? "10000", 1, 86_400_000),
    connectionsMax: whole("--connections", flags.connections ?? "256", 1, 60_000),
    random,
  };
  return { options, seed };
}

function urlOf(text: string): URL {
  const full = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  if (URL.canParse(full) && /^https?:$/.test(new URL(full).protocol)) return new URL(full);
  throw refused(
    `The URL is "${text}"; accepted: http:// or https://, such as http://127.0.0.1:5000/home?{key}`,
  );
}

/** As it was typed: a URL object would escape the braces. */
function targetText(url: string): string {
  return /^(?:[a-z]+:\/\/)?[^/?#]+(\/[^#]*)?/i.exec(url)?.[1] ?? "/";
}

function targetOf(url: URL, insecure: boolean): Target {
  const tls = url.protocol === "https:";
  const port = url.port === "" ? (tls ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port, tls, insecure };
}

function stagesOf(
  { rate, users, duration, requests }: LoadFlags,
  model: "open" | "closed",
): readonly Stage[] {
  const levels = rate ?? users ?? "16";
  if (levels.includes(":")) {
    if (duration === undefined) return parseStages(levels);
    throw refused(`--duration is given beside the stages "${levels}"; stages have durations of their own`);
  }
  const level = model === "open" ? number("--rate", levels) : whole("--users", levels, 1, 60_000);
  if (duration === undefined && requests !== undefined) return [{ seconds: untilDoneS, level }];
  return parseStages(`${duration ?? "10s"}:${level}`);
}

/** Finds the replica's name in an answer's head and beginning. */
function replicaFinder(text: string): ((sample: string) => string | null) | null {
  if (text === "off") return null;
  const named = /^header:([!#$%&'*+.^_`|~0-9A-Za-z-]+)$/.exec(text)?.[1];
  const source =
    named === undefined
      ? text
      : `\\r\\n${named.replace(/[.*+^$|]/g, "\\$&")}:[ \\t]*([^\\r\\n]*?)[ \\t]*\\r\\n`;
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, named === undefined ? "" : "i");
  } catch (cause) {
    throw refused(
      `--count-by is "${text}": ${(cause as Error).message}; accepted: header:NAME, a regular expression with one group, or off`,
    );
  }
  return (sample) => pattern.exec(sample)?.[1] ?? null;
}

function spacingOf(text: string): "even" | "poisson" {
  if (text === "even" || text === "poisson") return text;
  throw refused(`--arrivals is "${text}"; accepted: even or poisson`);
}

function bodyOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (!text.startsWith("@")) return text;
  try {
    return readFileSync(text.slice(1), "utf8");
  } catch (cause) {
    throw refused(`Cannot read the body: ${(cause as Error).message}`);
  }
}

function whole(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw refused(`${flag} is "${text}"; accepted: a whole number from ${min} to ${max}`);
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (text !== "" && value > 0 && value <= 1e7) return value;
  throw refused(`${flag} is "${text}"; accepted: a number above 0, in requests/s`);
}

function refused(message: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", message, { source: "downstream" });
}
