// An HTTP/2 client that writes frames by hand (RFC 9113 section 4), so that it can say what no library would. Its header
// blocks are plain literals (RFC 7541 section 6.2.2); of what comes back it reads frames, and a status code.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { until } from "../http/until.ts";

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** RFC 9113 section 7. */
export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const frameBytesMax = 16_384;

/** How the server took a stream. */
export type Outcome =
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  | { readonly kind: "reset"; readonly code: number }
  | { readonly kind: "goaway"; readonly code: number }
  | { readonly kind: "closed" };

export type Field = readonly [name: string, value: string];

export interface RawHttp2 {
  readonly socket: Socket;
  readonly frames: Frame[];
  readonly closed: () => boolean;
  send(...frames: Buffer[]): void;
  /** What became of this stream: its whole answer, its reset, or the connection's end. */
  outcome(stream: number): Promise<Outcome>;
}

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

/** Literal fields without indexing, names and values as they are. */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(latin1: string): Buffer {
  const bytes = Buffer.from(latin1, "latin1");
  const length: number[] = [];
  let rest = bytes.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    for (rest -= 127; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** HEADERS, and CONTINUATION for what does not fit into one frame. */
export function headers(
  stream: number,
  fields: readonly Field[],
  flags = flag.endHeaders | flag.endStream,
): Buffer {
  const whole = block(fields);
  const first = whole.length <= frameBytesMax;
  const frames = [
    frame(
      frameType.headers,
      first ? flags : flags & ~flag.endHeaders,
      stream,
      whole.subarray(0, frameBytesMax),
    ),
  ];
  for (let at = frameBytesMax; at < whole.length; at += frameBytesMax) {
    const last = at + frameBytesMax >= whole.length ? flag.endHeaders : 0;
    frames.push(frame(frameType.continuation, last, stream, whole.subarray(at, at + frameBytesMax)));
  }
  return Buffer.concat(frames);
}

export function data(stream: number, latin1: string, ends = true): Buffer {
  return frame(frameType.data, ends ? flag.endStream : 0, stream, Buffer.from(latin1, "latin1"));
}

/** A request's pseudo-headers, in their usual order. */
export function asking(method = "GET", path = "/", authority = "example.org"): Field[] {
  return [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", authority],
  ];
}

/** Connects, and says hello unless `hello` is something else. */
export async function rawHttp2(port: number, hello?: Buffer): Promise<RawHttp2> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const frames: Frame[] = [];
  let pending: Buffer = Buffer.alloc(0);
  let closed = false;
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    closed = true;
  });
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 9 && pending.length >= 9 + pending.readUIntBE(0, 3)) {
      const end = 9 + pending.readUIntBE(0, 3);
      const [type, flags] = [pending[3] as number, pending[4] as number];
      frames.push({ type, flags, stream: pending.readUInt32BE(5), payload: pending.subarray(9, end) });
      pending = pending.subarray(end);
      if (type === frameType.settings && flags === 0) socket.write(frame(frameType.settings, flag.ack, 0));
    }
  });
  socket.write(hello ?? Buffer.concat([preface, frame(frameType.settings, 0, 0)]));
  const outcome = async (stream: number): Promise<Outcome> => {
    await until(`an outcome of stream ${stream}`, () => closed || outcomeOf(frames, stream) !== undefined);
    return outcomeOf(frames, stream) ?? { kind: "closed" };
  };
  return {
    socket,
    frames,
    closed: () => closed,
    send: (...all) => socket.write(Buffer.concat(all)),
    outcome,
  };
}

function outcomeOf(frames: readonly Frame[], stream: number): Outcome | undefined {
  const mine = frames.filter((each) => each.stream === stream);
  const ended = mine.some(
    ({ type, flags }) =>
      (type === frameType.headers || type === frameType.data) && (flags & flag.endStream) !== 0,
  );
  if (ended) {
    const body = mine
      .filter(({ type }) => type === frameType.data)
      .map(({ payload }) => payload.toString("latin1"));
    const head = mine
      .filter(({ type }) => type === frameType.headers)
      .map(({ payload }) => statusOf(payload));
    return { kind: "answer", status: head.find((status) => status >= 200) ?? 0, body: body.join("") };
  }
  const reset = mine.find(({ type }) => type === frameType.rstStream);
  if (reset !== undefined) return { kind: "reset", code: reset.payload.readUInt32BE(0) };
  const goaway = frames.find(
    ({ type, payload }) => type === frameType.goaway && payload.readUInt32BE(4) !== 0,
  );
  return goaway === undefined ? undefined : { kind: "goaway", code: goaway.payload.readUInt32BE(4) };
}

const statusByIndex = [0, 0, 0, 0, 0, 0, 0, 0, 200, 204, 206, 304, 400, 404, 500];
/** RFC 7541 appendix B: the digits' codes. */
const digitCodes = [
  "00000",
  "00001",
  "00010",
  "011001",
  "011010",
  "011011",
  "011100",
  "011101",
  "011110",
  "011111",
];

/** Of a connection's first header block: `:status` comes first, indexed, or as a literal with an indexed name. */
export function statusOf(payload: Buffer): number {
  let at = 0;
  while (((payload[at] ?? 0) & 0xe0) === 0x20) at++; // a change of the dynamic table's size
  const first = payload[at] as number;
  if ((first & 0x80) !== 0) return statusByIndex[first & 0x7f] ?? 0;
  const coded = payload[at + 1] as number;
  const value = payload.subarray(at + 2, at + 2 + (coded & 0x7f));
  if ((coded & 0x80) === 0) return Number(value.toString("latin1"));
  let bits = [...value].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let digits = "";
  while (digits.length < 3) {
    const digit = digitCodes.findIndex((code) => bits.startsWith(code));
    if (digit < 0) return 0;
    digits += digit;
    bits = bits.slice((digitCodes[digit] as string).length);
  }
  return Number(digits);
}
