// `roundhouse produce` and `roundhouse consume`: lines in, lines out. The course project's command lines are runproduce.ts
// and runconsume.ts.
import { createInterface } from "node:readline";
import type { Command } from "commander";
import type { Message, NewMessage, Place, RemoteConsumer } from "../queue/client/client.ts";
import { messageLine, parseMessageLine } from "./message-lines.ts";
import { progressLine } from "./progress.ts";
import { type QueueFlags, withQueue, withQueueFlags } from "./queue-flags.ts";
import { usage, wholeNumber } from "./usage.ts";

interface ProduceFlags extends QueueFlags {
  readonly shard?: string;
  readonly text?: true;
  readonly gzip?: true;
}

interface ConsumeFlags extends QueueFlags {
  readonly from: string;
  readonly consumer?: string;
  readonly count?: string;
  readonly untilEnd?: true;
  readonly text?: true;
}

const consumeHelp = `
--from is beginning, end, an offset of one shard (P1:42), or a time (2026-01-31T08:00:00Z, or ms since 1970).
A consumer with a name goes on where it was; --from is then for the first time, and an offset or a time moves it.

Examples:
  roundhouse consume orders --until-end
  roundhouse consume orders --consumer billing --count 100
  roundhouse consume orders --from 2026-01-31T08:00:00Z --text`;

export function addProduceConsume(program: Command): void {
  withQueueFlags(program.command("produce"))
    .description("produce messages from standard input, a JSON object on each line")
    .argument("<topic>")
    .option("--shard <name>", "all to this shard (default: by key, else in turn)")
    .option("--text", "each line is a value")
    .option("--gzip", "compress the batches")
    .addHelpText(
      "after",
      `\nExample: echo '{"key":"alice","value":"1 umbrella"}' | roundhouse produce orders`,
    )
    .action(produce);
  withQueueFlags(program.command("consume"))
    .description("write messages to standard output, a JSON object on each line")
    .argument("<topic>")
    .option("--from <place>", "where to begin", "beginning")
    .option("--consumer <name>", "keep the place under this name (default: keep none)")
    .option("--count <n>", "end after so many messages")
    .option("--until-end", "end when everything that is there has come")
    .option("--text", "write the values alone")
    .addHelpText("after", consumeHelp)
    .action(consume);
}

async function produce(topic: string, flags: ProduceFlags): Promise<void> {
  await withQueue(flags, async (client) => {
    const progress = progressLine();
    const producer = client.producer({ compression: flags.gzip ? "gzip" : "none" });
    let read = 0;
    async function* messages(): AsyncGenerator<NewMessage> {
      for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
        read++;
        if (!flags.text && line.trim() === "") continue;
        progress.show(`${read} lines`);
        yield flags.text ? { value: line } : parseMessageLine(line, read);
      }
    }
    try {
      const count = await producer.sendAll(
        topic,
        messages(),
        flags.shard === undefined ? {} : { shard: flags.shard },
      );
      progress.end();
      process.stderr.write(`${count} messages produced\n`);
    } finally {
      progress.end();
      await producer.close();
    }
  });
}

async function consume(topic: string, flags: ConsumeFlags): Promise<void> {
  const from = placeFrom(flags.from);
  const countMax = flags.count === undefined ? Number.POSITIVE_INFINITY : wholeNumber("--count", flags.count);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  // The reader of our output may have had enough, as `head` has.
  process.stdout.on("error", end);
  await withQueue(flags, async (client) => {
    const begin = typeof from === "string" ? { from } : {};
    const consumer = await client.consumer(topic, flags.consumer ?? null, begin);
    if (typeof from !== "string") await consumer.seek(from);
    const progress = progressLine();
    try {
      await copy(consumer, countMax, flags, stop.signal, progress.show);
    } finally {
      progress.end();
      await consumer.close();
    }
  });
}

const IDLE_MS = 500;
const AT_ONCE = 500;

/** Writes what comes, and commits what is written. */
async function copy(
  consumer: RemoteConsumer,
  countMax: number,
  { untilEnd = false, text = false }: { untilEnd?: boolean; text?: boolean },
  signal: AbortSignal,
  show: (text: string) => void,
): Promise<void> {
  for (let count = 0; count < countMax && !signal.aborted; ) {
    const messages = await consumer
      .poll({ messagesMax: Math.min(AT_ONCE, countMax - count), waitMs: IDLE_MS, signal })
      .catch((error: unknown) => {
        if (signal.aborted) return [];
        throw error;
      });
    if (messages.length === 0 && untilEnd && (await consumer.lag()) === 0) return;
    if (messages.length === 0) continue;
    await write(messages, text);
    if (!signal.aborted) await consumer.commit();
    count += messages.length;
    show(`${count} messages`);
  }
}

async function write(messages: readonly Message[], text: boolean): Promise<void> {
  const lines = messages.map((message) => (text ? String(message.value ?? "") : messageLine(message)));
  // The error, if any, arrives by the stream's event.
  await new Promise<void>((resolve) => process.stdout.write(`${lines.join("\n")}\n`, () => resolve()));
}

function placeFrom(text: string): "beginning" | "end" | Exclude<Place, string> {
  if (text === "beginning" || text === "end") return text;
  const [, shard, offset] = /^([A-Za-z0-9._-]+):(\d{1,15})$/.exec(text) ?? [];
  if (shard !== undefined) return { shard, offset: Number(offset) };
  const timestampMs = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (!Number.isNaN(timestampMs)) return { timestampMs };
  throw usage(
    `--from is "${text}"; accepted: beginning, end, SHARD:OFFSET, or a time such as 2026-01-31T08:00:00Z`,
  );
}
