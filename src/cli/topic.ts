// `roundhouse topic create|list|describe|delete`.
import type { Command } from "commander";
import type { TopicView } from "../queue/client/client.ts";
import type { Retention } from "../queue/tablet.ts";
import { print, table } from "./output.ts";
import { type QueueFlags, withQueue, withQueueFlags } from "./queue-flags.ts";
import { usage, wholeNumber } from "./usage.ts";

interface CreateFlags extends QueueFlags {
  readonly shards: string;
  readonly keepMs?: string;
  readonly keepBytes?: string;
  readonly keepMessages?: string;
}

export function addTopicCommands(program: Command): void {
  const topic = program.command("topic").description("topics of a queue: create, list, describe, delete");
  withQueueFlags(topic.command("create"))
    .description("create a topic")
    .argument("<name>", "letters, digits, '.', '_' and '-'")
    .option("--shards <count or names>", "how many, named P1, P2 …; or their names, with commas", "1")
    .option("--keep-ms <ms>", "messages older than this go (default: all are kept)")
    .option("--keep-bytes <bytes>", "the oldest messages of a shard go when it is larger")
    .option("--keep-messages <count>", "the oldest messages of a shard go when it has more")
    .addHelpText("after", "\nExample: roundhouse topic create orders --shards 4 --keep-ms 604800000")
    .action((name: string, flags: CreateFlags) =>
      withQueue(flags, async ({ api }) => {
        const { shards } = await api.createTopic(name, shardsFrom(flags.shards), retentionFrom(flags));
        print(`Topic ${name} created with ${shards.map((shard) => shard.name).join(", ")}`);
      }),
    );
  withQueueFlags(topic.command("list"))
    .description("list the topics and their shards")
    .option("--json", "print JSON")
    .action((flags: QueueFlags & { json?: true }) =>
      withQueue(flags, async ({ api }) => {
        const topics = await api.topics();
        if (flags.json) print(JSON.stringify(topics));
        else
          print(
            table(
              ["topic", "shards"],
              topics.map(({ name, shards }) => [name, shards.join(" ")]),
            ),
          );
      }),
    );
  withQueueFlags(topic.command("describe"))
    .description("each shard with its range of offsets and its size")
    .argument("<name>")
    .option("--json", "print JSON")
    .action((name: string, flags: QueueFlags & { json?: true }) =>
      withQueue(flags, async ({ api }) => {
        const view = await api.topic(name);
        print(flags.json ? JSON.stringify(view) : topicText(view));
      }),
    );
  withQueueFlags(topic.command("delete"))
    .description("delete a topic with all its messages and consumers, at once")
    .argument("<name>")
    .action((name: string, flags: QueueFlags) =>
      withQueue(flags, async ({ api }) => {
        await api.deleteTopic(name);
        print(`Topic ${name} deleted`);
      }),
    );
}

function topicText({ shards, retention }: TopicView): string {
  const rows = shards.map(({ name, start, end, bytes }) =>
    [name, start, end, end - start, bytes].map(String),
  );
  const { ageMs, bytesMax, countMax } = retention;
  const limits = [
    ageMs === undefined ? "" : `${ageMs} ms`,
    bytesMax === undefined ? "" : `${bytesMax} bytes a shard`,
    countMax === undefined ? "" : `${countMax} messages a shard`,
  ].filter((text) => text !== "");
  const kept = limits.length === 0 ? "everything" : `at most ${limits.join(", ")}`;
  return `${table(["shard", "start", "end", "messages", "bytes"], rows)}\nkept: ${kept}`;
}

function shardsFrom(text: string): number | string[] {
  if (!/^\d+$/.test(text)) return text.split(",").map((name) => name.trim());
  const count = wholeNumber("--shards", text, 1000);
  if (count > 0) return count;
  throw usage("--shards is 0; accepted: a count from 1 to 1000, or names");
}

function retentionFrom({ keepMs, keepBytes, keepMessages }: CreateFlags): Retention {
  return {
    ...(keepMs === undefined ? {} : { ageMs: positive("--keep-ms", keepMs) }),
    ...(keepBytes === undefined ? {} : { bytesMax: positive("--keep-bytes", keepBytes) }),
    ...(keepMessages === undefined ? {} : { countMax: positive("--keep-messages", keepMessages) }),
  };
}

function positive(flag: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number > 0 && Number.isSafeInteger(number)) return number;
  throw usage(`${flag} is "${text}"; accepted: a whole number above 0`);
}
