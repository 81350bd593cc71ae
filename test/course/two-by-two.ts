// `npm run test:2p2c -- HOST [--messages 40] [--producers 2] [--consumers 2]`: two producers and two consumers, as processes
// of the command lines, on the topics T1 and T2 with the shards P1 and P2 each. Producer 1 and consumer 1 name the parts,
// producer 2 and consumer 2 take all (`*`), and so on in turn.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createHttpClient } from "../../src/queue/client/http.ts";
import { createApiCaller, type Reply, succeeded } from "./api-caller.ts";
import { judgeLogs, type ProducedRow, readLog } from "./consumer-logs.ts";
import { parseHost } from "./host.ts";

const named = ["T1:P1", "T1:P2", "T2:P1", "T2:P2"];
const all = ["T1:*", "T2:*"];

const host = parseHost(process.argv[2]);
const messages = numberAfter("--messages", 40);
const producerIds = Array.from({ length: numberAfter("--producers", 2) }, (_, i) => i + 1);
const consumerIds = Array.from({ length: numberAfter("--consumers", 2) }, (_, i) => i + 1);
if (host === null) usage();

const folder = mkdtempSync(join(tmpdir(), "roundhouse-2p2c-"));
const http = createHttpClient();
try {
  process.exitCode = await run(process.argv[2] as string, host.origin);
} finally {
  http.close();
  rmSync(folder, { recursive: true, force: true });
}

async function run(broker: string, origin: string): Promise<number> {
  const api = createApiCaller(http, origin);
  for (const shard of named) {
    const [topic, part] = shard.split(":");
    const reply = await api.post("/topics/add", { topic, part });
    if (!existsAlready(reply)) succeeded(reply);
  }
  const mapping = succeeded(await api.get("/topics")) as Record<string, Record<string, string>>;
  for (const topic of ["T1", "T2"]) {
    const shards = Object.keys(mapping[topic] ?? {});
    if (shards.length === 2) continue;
    console.log(
      `FAILED: ${topic} has the shards ${shards.join(", ")}; this run needs P1 and P2 alone. Use a fresh system.`,
    );
    return 1;
  }
  const consumers = consumerIds.map((id) => startConsumer(id, entriesOf(id), broker));
  await Promise.all(consumers.map((one) => one.registered));
  const produced = producerIds.flatMap((id) => writeRows(id, entriesOf(id)));
  const producers = await Promise.all(producerIds.map((id) => startProducer(id, entriesOf(id), broker)));
  const codes = [...producers, ...(await Promise.all(consumers.map((one) => one.code)))];
  const logNames = consumerIds.map((id) => `consumer_${id}.txt`);
  const logs = new Map(logNames.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  const wrong = [...judgeLogs(logs, produced)];
  if (codes.some((code) => code !== 0)) wrong.push(`exit codes ${codes.join(", ")}; 0 is expected of each`);
  printMapping(mapping, logs);
  for (const text of wrong.slice(0, 20)) console.log(`FAILED: ${text}`);
  const count = `${produced.length} messages of ${producerIds.length} producers, ${logs.size} consumers`;
  console.log(
    wrong.length === 0 ? `${count}: All test cases are passed` : `${count}: Some test cases are failed`,
  );
  return wrong.length === 0 ? 0 : 1;
}

function entriesOf(id: number): readonly string[] {
  return id % 2 === 1 ? named : all;
}

function numberAfter(flag: string, otherwise: number): number {
  const at = process.argv.indexOf(flag);
  const value = at < 0 ? otherwise : Number(process.argv[at + 1]);
  return Number.isSafeInteger(value) && value > 0 ? value : usage();
}

function usage(): never {
  console.error("Usage: npm run test:2p2c -- HOST[:PORT] [--messages 40] [--producers 2] [--consumers 2]");
  process.exit(2);
}

function existsAlready(reply: Reply): boolean {
  return reply.status === 400 && String(reply.message).endsWith("already exist");
}

/** `producer_<id>.txt`, a row for each entry in turn. */
function writeRows(id: number, entries: readonly string[]): ProducedRow[] {
  const token = randomBytes(3).toString("hex");
  const rows = Array.from({ length: messages }, (_, i) => ({
    message: `p${id}-${token}-${String(i).padStart(5, "0")}`,
    producer: `producer ${id}`,
  }));
  const lines = rows.map(({ message }, i) => {
    const [topic, part] = (entries[i % entries.length] as string).split(":");
    return `21:52:23\t${message}\t\t${part}\t\t${topic}`;
  });
  writeFileSync(join(folder, `producer_${id}.txt`), lines.join("\n"));
  return rows;
}

function start(
  name: string,
  id: number,
  entries: readonly string[],
  broker: string,
  more: readonly string[],
): ChildProcess {
  const main = fileURLToPath(new URL(`../../dist/cli/${name}.js`, import.meta.url));
  const args = ["--id", `${id}`, "--topics", ...entries, "--broker", broker, "--log_loc", folder, ...more];
  return spawn(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
}

async function startProducer(id: number, entries: readonly string[], broker: string): Promise<number | null> {
  const child = start("runproduce", id, entries, broker, []);
  child.stderr?.pipe(process.stderr);
  const [code] = (await once(child, "close")) as [number | null];
  return code;
}

function startConsumer(id: number, entries: readonly string[], broker: string) {
  const child = start("runconsume", id, entries, broker, ["--timeout_s", "5"]);
  const code = once(child, "close").then(([code]) => code as number | null);
  const registered = new Promise<void>((resolve) => {
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      if (line.includes("registered;")) resolve();
      else console.error(line);
    });
    child.once("close", () => resolve());
  });
  return { code, registered };
}

function printMapping(
  mapping: Record<string, Record<string, string>>,
  logs: ReadonlyMap<string, string>,
): void {
  const [text = ""] = logs.values();
  const read = readLog("", text);
  for (const topic of ["T1", "T2"]) {
    for (const [shard, owner] of Object.entries(mapping[topic] ?? {})) {
      console.log(`${topic}:${shard} → ${owner}, ${read.get(`${topic}:${shard}`)?.length ?? 0} messages`);
    }
  }
}
