// A run: a real system, clients at work, faults at the moments that a seed decides, and the checker's judgement of what
// the clients were told. The schedule of the faults follows the seed; what the machine makes of it does not.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { seededRandom } from "../../src/load/random.ts";
import { connectQueue } from "../../src/queue/client/client.ts";
import { createHttpClient, type HttpClient } from "../../src/queue/client/http.ts";
import { retry } from "../../src/queue/client/retry.ts";
import { recordsOf } from "../../src/queue/records.ts";
import { checkHistory, type Finding } from "./check.ts";
import { createFaultedSystem, type FaultedSystem } from "./system.ts";
import * as work from "./workload.ts";

export interface FaultRunOptions {
  readonly seed: number;
  readonly faults: number;
  /** Holds data, log and history; made if it is missing. */
  readonly folder: string;
  readonly brokers?: number;
  readonly tell?: (text: string) => void;
}

export interface FaultRunReport {
  readonly findings: readonly Finding[];
  /** How many of each. */
  readonly faults: ReadonlyMap<string, number>;
  readonly operations: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly messagesRead: number;
  /** The longest time without an acknowledgement. */
  readonly silenceMs: number;
  /** Of the front door, when it was asked to stop in the end. */
  readonly exitCode: number | null;
}

const TOPIC = "faults";
const SHARDS = ["P1", "P2", "P3", "P4", "P5", "P6"];
const PROGRESS_WITHIN_MS = 30_000;

export async function runFaults(options: FaultRunOptions): Promise<FaultRunReport> {
  const { seed, faults, folder, brokers = 3, tell = () => undefined } = options;
  mkdirSync(folder, { recursive: true });
  const random = seededRandom(seed);
  const system = await createFaultedSystem(folder, brokers);
  await system.start();
  const http = createHttpClient();
  const direct = connectQueue(system.queueOrigin);
  const byDoor = connectQueue(system.queueOrigin, { direct: false });
  const patience = { withinMs: PROGRESS_WITHIN_MS, mayPass: () => true };
  await retry(() => direct.api.createTopic(TOPIC, SHARDS, {}), patience);

  const notes = work.createNotes();
  const producing = new AbortController();
  const reading = new AbortController();
  const load = {
    topic: TOPIC,
    shards: SHARDS,
    notes,
    random: seededRandom(seed + 1),
    signal: producing.signal,
  };
  const producers = [
    work.produceByClient(load, "direct", direct),
    work.produceByClient(load, "door", byDoor),
    work.produceOnce(load, "once", byDoor.api),
    work.produceByContract(load, "contract", http, system.frontOrigin),
  ];
  const readers = [
    ...SHARDS.map((shard) => work.readByFetch(load, "fetcher", byDoor.api, shard, reading.signal)),
    work.readByClient(load, "client", direct, reading.signal),
    work.readByContract(load, "course", http, system.readOrigin, reading.signal),
  ];
  const clients = Promise.all([...producers, ...readers]);
  clients.catch(() => undefined);

  const counts = new Map<string, number>();
  try {
    for (let i = 0; i < faults; i++) {
      const kind = await commitFault(system, http, random);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      tell(`${i + 1}/${faults} ${kind}: ${notes.acknowledged} acknowledged`);
      // Most faults meet a system that works again, some one that is still busy with the last.
      if (random() < 0.8) await progress(notes);
      await pause(100 + random() * 1200);
    }
    await progress(notes);
    producing.abort();
    await Promise.all(producers);
    await readToTheEnd(byDoor.api, notes);
    // The others, too, come to the end: for a second nobody reads anything new.
    const read = () => notes.history.length + notes.consumed.length;
    for (let before = -1; before !== read(); await pause(1000)) before = read();
    reading.abort();
    await clients;
  } finally {
    producing.abort();
    reading.abort();
    for (const pid of [system.frontDoorPid(), ...system.brokerPids()]) signal(pid, "SIGCONT");
  }
  const exitCode = await system.stop();
  for (const client of [direct, byDoor, http]) client.close();
  const history = [...notes.history, ...work.pollsOf(notes)];
  writeFileSync(join(folder, "history.json"), JSON.stringify(history));
  return {
    findings: checkHistory(history),
    faults: counts,
    operations: history.length,
    acknowledged: notes.acknowledged,
    unknown: history.filter((one) => one.kind === "produce" && one.outcome === "unknown").length,
    messagesRead: history.reduce((sum, one) => sum + (one.kind === "poll" ? one.messages.length : 0), 0),
    silenceMs: notes.silenceMs,
    exitCode,
  };
}

/** One fault; resolves as soon as it has been done, and where it is a pause, when that is over. */
async function commitFault(system: FaultedSystem, http: HttpClient, random: () => number): Promise<string> {
  const dice = random();
  if (dice < 0.1) return changeFleet(system, http, random);
  const brokers = system.brokerPids();
  const broker = brokers[Math.floor(random() * brokers.length)];
  if (dice < 0.5 && broker !== undefined) {
    signal(broker, "SIGKILL");
    return "kill -9 of a broker";
  }
  if (dice < 0.77 && broker !== undefined) {
    // Up to twice as long as heartbeats may be missed.
    signal(broker, "SIGSTOP");
    await pause(50 + random() * 5000);
    signal(broker, "SIGCONT");
    return "SIGSTOP of a broker";
  }
  if (dice < 0.9) {
    await system.killFrontDoor();
    await pause(random() * 300);
    await system.start();
    return "kill -9 of the front door";
  }
  const pid = system.frontDoorPid();
  signal(pid, "SIGSTOP");
  await pause(50 + random() * 3000);
  signal(pid, "SIGCONT");
  return "SIGSTOP of the front door";
}

/** A broker more, or one less: its shards move, and nothing may fail. Not to be had while the front door starts. */
async function changeFleet(system: FaultedSystem, http: HttpClient, random: () => number): Promise<string> {
  const question = { method: "GET", timeoutMs: 15_000 } as const;
  const patience = { withinMs: PROGRESS_WITHIN_MS, mayPass: () => true };
  const list = await retry(() => http.ask(system.frontOrigin, { ...question, path: "/brokers" }), patience);
  const { message } = JSON.parse(String(list.body)) as { message: Record<string, unknown> | string[] };
  const names = Array.isArray(message) ? message : Object.keys(message);
  const leaves = names.length > 2 && random() < 0.5;
  const name = leaves ? names[Math.floor(random() * names.length)] : `extra${Math.floor(random() * 1e9)}`;
  const path = `/brokers/${leaves ? "rm" : "add"}?broker_name=${name}`;
  await http.ask(system.frontOrigin, { ...question, path }).catch(() => undefined);
  return leaves ? "a broker removed" : "a broker added";
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

/** Resolves with the next acknowledgement. */
async function progress(notes: work.Notes): Promise<void> {
  const before = notes.acknowledged;
  const untilMs = performance.now() + PROGRESS_WITHIN_MS;
  while (notes.acknowledged === before) {
    if (performance.now() > untilMs) {
      throw new Error(`nothing has been acknowledged for ${PROGRESS_WITHIN_MS / 1000} s after a fault`);
    }
    await pause(10);
  }
}

/** What is there when everything is over. */
async function readToTheEnd(
  api: ReturnType<typeof connectQueue>["api"],
  { history }: work.Notes,
): Promise<void> {
  const patience = { withinMs: PROGRESS_WITHIN_MS, mayPass: () => true };
  const view = await retry(() => api.topic(TOPIC), patience);
  for (const { name: shard, end } of view.shards) {
    const place = { process: "last reader", shard };
    const nowMs = performance.now();
    history.push({ kind: "seek", ...place, offset: 0, startedAt: nowMs, endedAt: nowMs });
    for (let offset = 0; offset < end; ) {
      const from = { offset, bytesMax: 1024 * 1024, waitMs: 0 };
      const { batches, next } = await retry(() => api.fetch({ topic: TOPIC, shard }, from), patience);
      const messages = batches.flatMap((batch) =>
        Array.from(recordsOf(batch, offset), (record) => ({
          offset: record.offset,
          value: String(record.value),
        })),
      );
      const atMs = performance.now();
      history.push({ kind: "poll", ...place, messages, startedAt: atMs, endedAt: atMs });
      offset = next;
    }
  }
}
