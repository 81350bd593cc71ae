// `roundhouse queue verify|dump|backup|compact|release`: a queue as a whole. They ask a system that runs; all but release
// take, with --data, a directory that nobody uses.
import type { Command } from "commander";
import { RoundhouseError } from "../errors.ts";
import { type LogSource, partsOf } from "../queue/maintenance/log-source.ts";
import type { Sizes } from "../queue/maintenance/stopped-queue.ts";
import { type VerifiedShard, verifyAll } from "../queue/maintenance/verify.ts";
import { toMessage } from "../queue/message.ts";
import { recordsOf } from "../queue/records.ts";
import type { Log } from "../telemetry/log.ts";
import { messageLine } from "./message-lines.ts";
import { print, table } from "./output.ts";
import { progressLine } from "./progress.ts";
import { type QueueFlags, withQueue, withQueueFlags } from "./queue-flags.ts";
import { usage } from "./usage.ts";

interface SourceFlags extends QueueFlags {
  readonly data?: string;
  readonly json?: true;
  readonly topic?: string;
}

export function addQueueCommands(program: Command): void {
  const queue = program
    .command("queue")
    .description("a whole queue: verify, dump, back up, compact, release");
  withSourceFlags(queue.command("verify"))
    .description("read every message, compare every checksum, and report what is damaged or missing")
    .option("--json", "print JSON, a line per shard")
    .addHelpText(
      "after",
      "\nExit code 1 when something is damaged.\nExample: roundhouse queue verify --data ./roundhouse-queue",
    )
    .action((flags: SourceFlags) => withSource(flags, (source) => verify(source, flags)));
  withSourceFlags(queue.command("dump"))
    .description("write every message to standard output, a JSON object on each line")
    .option("--topic <name>", "this topic alone")
    .addHelpText("after", "\nExample: roundhouse queue dump --topic orders > orders.ndjson")
    .action((flags: SourceFlags) => withSource(flags, (source) => dump(source, flags)));
  withSourceFlags(queue.command("backup"))
    .description("copy a queue while it runs, or its directory; the copy can be started as it is")
    .argument("<to>", "a name: the copy is in backups/NAME beside the data; with --data, a directory")
    .addHelpText("after", backupHelp)
    .action(async (to: string, flags: SourceFlags) => print(await backUp(to, flags)));
  withSourceFlags(queue.command("compact"))
    .description(
      "give back the disk room that is not used any more, tablet by tablet while the queue goes on",
    )
    .addHelpText(
      "after",
      "\nExit code 1 when a tablet could not be compacted.\nExample: roundhouse queue compact",
    )
    .action(async (flags: SourceFlags) => {
      if (flags.data === undefined) return compactOnline(flags);
      const { compactStopped } = await import("../queue/maintenance/stopped-queue.ts");
      print(sizesText(await compactStopped(flags.data, await quiet()), "compacted"));
    });
  withQueueFlags(queue.command("release"))
    .description("try tablets again that were quarantined after repeated failures")
    .argument("[tablet]", "this one alone; default: each that is quarantined", wholeNumber)
    .addHelpText("after", "\nExit code 1 when one is quarantined again.\nExample: roundhouse queue release 3")
    .action(release);
}

function wholeNumber(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw usage(`the tablet is "${text}"; accepted: its number, such as 3`);
}

/** What fails for one tablet and may go well for the next. */
const ofOneTablet: ReadonlySet<string> = new Set(["DISK_FULL", "FENCED", "STORE_FAILED", "TIMEOUT"]);

const isUnreachable = (error: unknown): boolean =>
  error instanceof RoundhouseError && error.code === "UNREACHABLE";

async function compactOnline(flags: SourceFlags): Promise<void> {
  const { retry } = await import("../queue/client/retry.ts");
  // Done twice it does no harm: a broker that is lost meanwhile is followed by another.
  const patience = { withinMs: 15_000, mayPass: isUnreachable };
  const progress = progressLine();
  const rows: string[][] = [];
  let refused = 0;
  await withQueue(flags, async ({ api }) => {
    for (let tablet = 0; ; tablet++) {
      progress.show(`${tablet} tablets`);
      try {
        const { bytesBefore, bytesAfter } = await retry(() => api.compact(tablet), patience);
        rows.push([`${tablet}`, `${bytesBefore}`, `${bytesAfter}`, ""]);
      } catch (error) {
        if (!(error instanceof RoundhouseError)) throw error;
        // There are no more of them; before the first one, it is another server that knows no such thing.
        if (error.code === "NOT_FOUND" && tablet > 0) break;
        if (!ofOneTablet.has(error.code)) throw error;
        refused++;
        rows.push([`${tablet}`, "", "", error.message]);
      }
    }
  });
  progress.end();
  print(table(["tablet", "bytes before", "bytes after", ""], rows));
  if (refused > 0) throw new RoundhouseError("STORE_FAILED", `${refused} tablets could not be compacted`);
}

async function release(tablet: number | undefined, flags: QueueFlags): Promise<void> {
  const tried = await withQueue(flags, ({ api }) => api.release(tablet ?? null));
  if (tried.length === 0) return print("no tablet is quarantined");
  for (const { tablet: number, owner, reason } of tried) {
    if (owner !== null) print(`tablet ${number} is served by ${owner}`);
    else print(`tablet ${number} is not served: ${reason ?? "no broker could try it yet"}`);
  }
  const left = tried.filter(({ owner }) => owner === null).length;
  if (left > 0) throw new RoundhouseError("STORE_FAILED", `${left} tablets are still not served`);
}

const backupHelp = `
Examples:
  roundhouse queue backup monday
  roundhouse queue backup /backup/monday --data ./roundhouse-queue`;

async function backUp(to: string, flags: SourceFlags): Promise<string> {
  if (flags.data === undefined) {
    const { directory, files, bytes } = await withQueue(flags, ({ api }) => api.backUp(to));
    return `${files} files copied to ${directory}: ${bytes} bytes`;
  }
  const { backUpStopped } = await import("../queue/maintenance/stopped-queue.ts");
  return sizesText(await backUpStopped(flags.data, to, await quiet()), `copied to ${to}`);
}

const withSourceFlags = (command: Command): Command =>
  withQueueFlags(command).option(
    "--data <directory>",
    "a directory that no queue uses now, instead of --queue",
  );

async function quiet(): Promise<Log> {
  const { createLog } = await import("../telemetry/log.ts");
  return createLog({ level: "silent" });
}

async function withSource(flags: SourceFlags, run: (source: LogSource) => Promise<void>): Promise<void> {
  if (flags.data === undefined) {
    const { createOnlineLog } = await import("../queue/maintenance/online-log.ts");
    await withQueue(flags, ({ api }) => run(createOnlineLog(api)));
    return;
  }
  const { openStoredLog } = await import("../queue/maintenance/stored-log.ts");
  const source = await openStoredLog(flags.data, await quiet());
  try {
    await run(source);
  } finally {
    await source.close();
  }
}

async function verify(source: LogSource, { json = false }: { json?: boolean }): Promise<void> {
  const progress = progressLine();
  const shards: VerifiedShard[] = [];
  for await (const shard of verifyAll(source)) {
    shards.push(shard);
    progress.show(`${shards.length} shards`);
    if (json) print(JSON.stringify(shard));
  }
  progress.end();
  if (!json) print(verifyText(shards));
  const damaged = shards.flatMap(({ gaps }) => gaps).reduce((sum, { from, to }) => sum + to - from, 0);
  if (damaged > 0)
    throw new RoundhouseError("DAMAGED", `${damaged} messages cannot be read; everything else is sound`);
}

function verifyText(shards: readonly VerifiedShard[]): string {
  const rows = shards.map(({ topic, shard, start, end, messages, batches, bytes, gaps }) => [
    topic,
    shard,
    ...[start, end, messages, batches, bytes].map(String),
    gaps.length === 0 ? "sound" : "DAMAGED",
  ]);
  const details = shards.flatMap(({ topic, shard, gaps }) =>
    gaps.map(({ from, to, reason }) => `${topic}/${shard}: offsets ${from} to ${to - 1}: ${reason}`),
  );
  return [
    table(["topic", "shard", "start", "end", "messages", "batches", "bytes", ""], rows),
    ...details,
  ].join("\n");
}

async function dump(source: LogSource, { topic }: { topic?: string }): Promise<void> {
  const progress = progressLine();
  let gone = false;
  process.stdout.on("error", () => {
    gone = true;
  });
  let count = 0;
  for (const log of await source.shards()) {
    if (topic !== undefined && log.topic !== topic) continue;
    for await (const part of partsOf(source, log)) {
      for (const { from, to, reason } of part.gaps) {
        process.stderr.write(
          `${log.topic}/${log.shard}: offsets ${from} to ${to - 1} cannot be read: ${reason}\n`,
        );
      }
      for (const batch of part.batches) {
        if (gone) return;
        const lines = Array.from(recordsOf(batch, part.offset), (record) => {
          count++;
          return `{"topic":"${log.topic}",${messageLine(toMessage(log.topic, log.shard, record)).slice(1)}\n`;
        });
        await new Promise<void>((resolve) => process.stdout.write(lines.join(""), () => resolve()));
      }
      progress.show(`${count} messages`);
    }
  }
  progress.end();
}

function sizesText({ files, bytesBefore, bytesAfter }: Sizes, done: string): string {
  return `${files} files ${done}: ${bytesBefore} bytes before, ${bytesAfter} after`;
}
