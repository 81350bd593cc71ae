// Recipe of the golden vectors: kcat (librdkafka) and kafkajs send known messages to a fake broker, and the record
// batches they made are written to batches.json beside this file, in hexadecimal, with what is in them.
//
//   apt-get install kcat
//   npm install --prefix SOMEWHERE kafkajs@2.2.4
//   node --import tsx test/queue/golden/record.ts SOMEWHERE
//
// Timestamps are those of the recording where a client offers no way to set them.
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Captured, portOf, startFakeBroker } from "./fake-broker.ts";

/** A message as the test compares it; buffers are text here. */
interface Message {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
  /** Present where the client could be told the time. */
  readonly timestampMs?: number;
}

interface Recording {
  readonly name: string;
  readonly messages: readonly Message[];
  readonly send: () => Promise<void>;
}

const captured: Captured[] = [];
const server = await startFakeBroker((one) => captured.push(one));
const broker = `127.0.0.1:${portOf(server)}`;

const plain = (value: string): Message => ({ key: null, value, headers: [] });
const lines = Array.from({ length: 12 }, (_, i) => `line ${i} of a batch whose text repeats and repeats`);
const keyed: Message[] = [
  {
    key: "alice",
    value: "1",
    headers: [
      ["trace", "ab12"],
      ["empty", ""],
    ],
  },
  {
    key: "bob",
    value: "2",
    headers: [
      ["trace", "ab12"],
      ["empty", ""],
    ],
  },
];

/** kcat reads messages from its input, one a line; a `\n` closes each. */
function kcat(topic: string, input: string, flags: readonly string[]): Promise<void> {
  const linger = ["-X", "linger.ms=300", "-X", "api.version.request=true"];
  const child = spawn("kcat", ["-P", "-b", broker, "-t", topic, "-p", "0", ...linger, ...flags]);
  child.stdin.end(input);
  child.stderr.pipe(process.stderr);
  return new Promise((resolve, reject) => {
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`kcat exited with ${code}`))));
  });
}

const kcatRecordings: Recording[] = [
  ...["none", "gzip", "snappy", "lz4", "zstd"].map((codec) => ({
    name: `kcat-${codec}`,
    messages: lines.map(plain),
    send: () => kcat(`kcat-${codec}`, `${lines.join("\n")}\n`, codec === "none" ? [] : ["-z", codec]),
  })),
  {
    name: "kcat-single",
    messages: [plain("hello, Grüße, 你好")],
    send: () => kcat("kcat-single", "hello, Grüße, 你好\n", []),
  },
  {
    name: "kcat-keys-and-headers",
    messages: keyed,
    send: () =>
      kcat("kcat-keys-and-headers", "alice:1\nbob:2\n", ["-K:", "-H", "trace=ab12", "-H", "empty="]),
  },
  {
    name: "kcat-null-value",
    messages: [{ key: "gone", value: null, headers: [] }],
    send: () => kcat("kcat-null-value", "gone:\n", ["-K:", "-Z"]),
  },
  {
    name: "kcat-idempotent",
    messages: lines.map(plain),
    send: () => kcat("kcat-idempotent", `${lines.join("\n")}\n`, ["-X", "enable.idempotence=true"]),
  },
];

interface KafkaJsMessage {
  key: string | null;
  value: string | null;
  headers?: Record<string, string>;
  timestamp?: string;
}

interface KafkaJsProducer {
  connect(): Promise<void>;
  send(batch: { topic: string; messages: KafkaJsMessage[]; compression?: number }): Promise<unknown>;
  disconnect(): Promise<void>;
}

interface KafkaJs {
  readonly Kafka: new (options: object) => { producer(options: object): KafkaJsProducer };
}

const scratch = process.argv[2];
if (scratch === undefined)
  throw new Error("Give the folder where kafkajs was installed; see the top of this file.");
const { Kafka } = createRequire(join(scratch, "package.json"))("kafkajs") as KafkaJs;

async function kafkajs(
  topic: string,
  messages: readonly Message[],
  options: { gzip?: boolean; idempotent?: boolean },
) {
  const client = new Kafka({ clientId: topic, brokers: [broker], logLevel: 1 });
  const producer = client.producer({ idempotent: options.idempotent ?? false, maxInFlightRequests: 1 });
  await producer.connect();
  const batch = messages.map(({ key, value, headers, timestampMs }) => ({
    key,
    value,
    headers: Object.fromEntries(headers),
    ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
  }));
  await producer.send({ topic, messages: batch, ...(options.gzip === true ? { compression: 1 } : {}) });
  await producer.disconnect();
}

const timed: Message[] = [1_700_000_000_000, 1_700_000_009_000, 1_700_000_000_500].map((timestampMs, i) => ({
  key: i === 1 ? null : `key ${i}`,
  value: i === 2 ? "" : `value ${i}`,
  headers: i === 0 ? [["content-type", "text/plain"]] : [],
  timestampMs,
}));

const kafkajsRecordings: Recording[] = [
  { name: "kafkajs-plain", messages: timed, send: () => kafkajs("kafkajs-plain", timed, {}) },
  {
    name: "kafkajs-gzip",
    messages: lines.map(plain),
    send: () => kafkajs("kafkajs-gzip", lines.map(plain), { gzip: true }),
  },
  {
    name: "kafkajs-idempotent",
    messages: timed,
    send: () => kafkajs("kafkajs-idempotent", timed, { idempotent: true }),
  },
  {
    name: "kafkajs-null-value",
    messages: [{ key: "gone", value: null, headers: [], timestampMs: 1_700_000_000_000 }],
    send: () =>
      kafkajs(
        "kafkajs-null-value",
        [{ key: "gone", value: null, headers: [], timestampMs: 1_700_000_000_000 }],
        {},
      ),
  },
];

const batches: object[] = [];
for (const { name, messages, send } of [...kcatRecordings, ...kafkajsRecordings]) {
  captured.length = 0;
  await send();
  if (captured.length !== 1) throw new Error(`${name}: one record set was expected, ${captured.length} came`);
  batches.push({ name, messages, hex: captured[0]?.records.toString("hex") });
}
server.close();
const madeBy = {
  kcat: spawnSync("kcat", ["-V"])
    .stdout.toString()
    .match(/Version .*/)?.[0],
  kafkajs: (createRequire(join(scratch, "package.json"))("kafkajs/package.json") as { version: string })
    .version,
};
const target = new URL("batches.json", import.meta.url);
writeFileSync(target, `${JSON.stringify({ madeBy, batches }, null, 1)}\n`);
console.log(`${batches.length} batches written to ${target.pathname}`);
process.exit(0);
