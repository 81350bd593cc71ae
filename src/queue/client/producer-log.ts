// `producer_<id>.txt`, the course project's list of messages to produce: rows of four columns divided by white space,
// `time message part topic`, without a header. Read as a whole and checked as a whole, before anything is sent.
import { RoundhouseError } from "../../errors.ts";
import type { Subscription } from "./legacy.ts";

export interface Row {
  readonly message: string;
  /** Which of the subscriptions it goes to. */
  readonly entry: number;
}

/** The course project's own words; other tools look for them. */
const INCOMPATIBLE = "log file:incompitable, make sure msg for topics are in order for a perticular time";

/**
 * The rows of a file, each for the next entry in turn. The text may end in the middle of a turn and without a final
 * newline. Throws BAD_REQUEST with file and line.
 */
export function parseProducerLog(
  file: string,
  text: string,
  entries: readonly Subscription[],
): readonly Row[] {
  const lines = text.trimEnd().split("\n");
  if (text.trim() === "")
    throw wrong(`${file}: line 1: the file is empty; rows of \`time message part topic\` are expected`);
  return lines.map((line, index) => {
    const columns = line.trim() === "" ? [] : line.trim().split(/\s+/);
    const at = `${file}: line ${index + 1}`;
    if (columns.length !== 4) {
      throw wrong(`${at}: ${columns.length} columns found, 4 expected: time message part topic`);
    }
    const [, message = "", shard = "", topic = ""] = columns;
    const entry = index % entries.length;
    const expected = entries[entry] as Subscription;
    if (topic !== expected.topic || (expected.shard !== null && shard !== expected.shard)) {
      throw wrong(`${INCOMPATIBLE}\n${at}: expected ${subscriptionText(expected)}, found ${topic}:${shard}`);
    }
    return { message, entry };
  });
}

/** `T1:P1`, `T1:*`. Throws BAD_CONFIG. */
export function parseSubscription(text: string): Subscription {
  const parts = /^([A-Za-z0-9._-]{1,249}):([A-Za-z0-9._-]{1,249}|\*)$/.exec(text);
  const [, topic, shard] = parts ?? [];
  if (topic !== undefined && shard !== undefined && !/^\.\.?$/.test(topic) && !/^\.\.?$/.test(shard)) {
    return { topic, shard: shard === "*" ? null : shard };
  }
  throw new RoundhouseError(
    "BAD_CONFIG",
    `--topics has "${text}"; accepted: TOPIC:PART or TOPIC:*, such as T1:P1 (letters, digits, ".", "_", "-")`,
    { source: "downstream" },
  );
}

export function subscriptionText({ topic, shard }: Subscription): string {
  return `${topic}:${shard ?? "*"}`;
}

function wrong(message: string): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", message, { source: "downstream" });
}
