// A broker that is just real enough for kcat and kafkajs to hand over their record batches: it answers ApiVersions,
// Metadata, InitProducerId and Produce for any topic with one partition, and keeps the bytes of each record set as
// they came. It stores nothing and serves no consumer.
import { createServer, type Server, type Socket } from "node:net";

/** One record set as a client sent it. */
export interface Captured {
  readonly clientId: string;
  readonly topic: string;
  readonly apiVersion: number;
  readonly records: Buffer;
}

const PRODUCE = 0;
const FETCH = 1;
const METADATA = 3;
const API_VERSIONS = 18;
const INIT_PRODUCER_ID = 22;
const UNSUPPORTED_VERSION = 35;

/** What we claim to speak. Fetch is named because librdkafka writes version 2 batches only to brokers that read them. */
const SPOKEN: readonly (readonly [key: number, min: number, max: number])[] = [
  [PRODUCE, 3, 7],
  [FETCH, 4, 11],
  [METADATA, 1, 1],
  [API_VERSIONS, 0, 0],
  [INIT_PRODUCER_ID, 0, 1],
];

/** Listens on a free loopback port; every record set goes to `keep`. */
export async function startFakeBroker(keep: (captured: Captured) => void): Promise<Server> {
  const server = createServer((socket) => serve(socket, () => portOf(server), keep));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The fake broker does not listen.");
  return address.port;
}

function serve(socket: Socket, port: () => number, keep: (captured: Captured) => void): void {
  let rest = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      socket.write(answer(new Reader(rest.subarray(4, end)), port(), keep));
      rest = rest.subarray(end);
    }
  });
}

function answer(request: Reader, port: number, keep: (captured: Captured) => void): Buffer {
  const key = request.int16();
  const version = request.int16();
  const correlation = request.int32();
  const clientId = request.string() ?? "";
  const body = bodyFor(key, version, clientId, request, port, keep);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 4, 0);
  head.writeInt32BE(correlation, 4);
  return Buffer.concat([head, body]);
}

function bodyFor(
  key: number,
  version: number,
  clientId: string,
  request: Reader,
  port: number,
  keep: (captured: Captured) => void,
): Buffer {
  if (key === API_VERSIONS) return apiVersions(version);
  if (key === METADATA) return metadata(request, port);
  if (key === INIT_PRODUCER_ID) return Buffer.concat([int32(0), int16(0), int64(4711n), int16(3)]);
  if (key === PRODUCE) return produce(version, clientId, request, keep);
  throw new Error(`The fake broker was asked for API ${key}, which it does not speak.`);
}

function apiVersions(version: number): Buffer {
  const error = version === 0 ? 0 : UNSUPPORTED_VERSION;
  const rows = SPOKEN.map(([key, min, max]) => Buffer.concat([int16(key), int16(min), int16(max)]));
  return Buffer.concat([int16(error), int32(rows.length), ...rows]);
}

function metadata(request: Reader, port: number): Buffer {
  const names = request.array(() => request.string() ?? "");
  const broker = [int32(1), int32(7), string("127.0.0.1"), int32(port), int16(-1)];
  const partition = [int16(0), int32(0), int32(7), int32(1), int32(7), int32(1), int32(7)];
  const topics = names.map((name) =>
    Buffer.concat([int16(0), string(name), Buffer.from([0]), int32(1), ...partition]),
  );
  return Buffer.concat([...broker, int32(7), int32(topics.length), ...topics]);
}

function produce(
  version: number,
  clientId: string,
  request: Reader,
  keep: (captured: Captured) => void,
): Buffer {
  request.string();
  request.int16();
  request.int32();
  const topics = request.array(() => {
    const topic = request.string() ?? "";
    const partitions = request.array(() => {
      const index = request.int32();
      keep({ clientId, topic, apiVersion: version, records: request.bytes() });
      const logStart = version >= 5 ? [int64(0n)] : [];
      return Buffer.concat([int32(index), int16(0), int64(0n), int64(-1n), ...logStart]);
    });
    return Buffer.concat([string(topic), int32(partitions.length), ...partitions]);
  });
  return Buffer.concat([int32(topics.length), ...topics, int32(0)]);
}

const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 255, value & 255]);

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

const string = (text: string): Buffer => Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)]);

/** Takes a request apart, front to back. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  string(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    this.#at += length;
    return this.#bytes.toString("utf8", this.#at - length, this.#at);
  }

  bytes(): Buffer {
    const length = this.int32();
    this.#at += length;
    return Buffer.from(this.#bytes.subarray(this.#at - length, this.#at));
  }

  array<T>(item: () => T): T[] {
    const length = this.int32();
    return Array.from({ length: Math.max(0, length) }, item);
  }
}
