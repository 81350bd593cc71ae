// Where a request's key comes from: what `{key}` stands for in a target, a header or a body.
import { readFileSync } from "node:fs";
import { RoundhouseError } from "../errors.ts";
import type { Random } from "./random.ts";
import { zipf } from "./zipf.ts";

/** Gives the next key. */
export type KeySource = () => string;

const accepted =
  "random (six digits), uniform:COUNT, zipf:COUNT or zipf:COUNT:EXPONENT, sequence or sequence:COUNT, file:PATH";

/**
 * - `random`: six-digit request ids, all as likely; the course project's ids
 * - `uniform:1000`: 0…999, all as likely
 * - `zipf:1000:1.1`: 0…999, key k as likely as 1/(k+1)^1.1; the exponent's default is 1
 * - `sequence:1000`: 0, 1, 2 … 999, 0 …; without a count it goes on for ever
 * - `file:PATH`: its lines in turn
 *
 * Throws BAD_CONFIG.
 */
export function parseKeys(text: string, random: Random): KeySource {
  const [kind = "", ...rest] = text.split(":");
  const [first = "", second = ""] = rest;
  if (kind === "random" && rest.length === 0) return () => String(100_000 + Math.floor(random() * 900_000));
  if (kind === "uniform" && rest.length === 1) return uniform(count(text, first), random);
  if (kind === "zipf" && (rest.length === 1 || rest.length === 2)) {
    const rank = zipf(count(text, first), rest.length === 1 ? 1 : exponent(text, second), random);
    return () => String(rank() - 1);
  }
  if (kind === "sequence" && rest.length <= 1) return sequence(rest.length === 0 ? null : count(text, first));
  if (kind === "file" && rest.length > 0) return lines(rest.join(":"));
  throw refused(text);
}

function uniform(keyCount: number, random: Random): KeySource {
  return () => String(Math.floor(random() * keyCount));
}

function sequence(keyCount: number | null): KeySource {
  let next = 0;
  return () => {
    const key = next++;
    if (next === keyCount) next = 0;
    return String(key);
  };
}

function lines(path: string): KeySource {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new RoundhouseError("BAD_CONFIG", `Cannot read the keys: ${(cause as Error).message}`, { cause });
  }
  const keys = text.split(/\r?\n/).filter((line) => line !== "");
  const odd = keys.find((key) => /\p{Cc}/u.test(key));
  if (odd !== undefined) {
    throw new RoundhouseError(
      "BAD_CONFIG",
      `${path} holds the key ${JSON.stringify(odd)}; control characters are not accepted`,
    );
  }
  if (keys.length === 0) {
    throw new RoundhouseError(
      "BAD_CONFIG",
      `${path} holds no key; accepted: a file with one key on each line`,
    );
  }
  let next = 0;
  return () => {
    const key = keys[next] as string;
    next = (next + 1) % keys.length;
    return key;
  };
}

function count(text: string, part: string): number {
  const value = Number(part);
  if (/^\d{1,10}$/.test(part) && value > 0) return value;
  throw refused(text);
}

function exponent(text: string, part: string): number {
  const value = Number(part);
  if (part !== "" && value > 0 && value <= 10) return value;
  throw refused(text);
}

function refused(text: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", `The keys are "${text}"; accepted: ${accepted}`, {
    source: "downstream",
  });
}
