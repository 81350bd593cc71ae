// One kept connection: a question at a time, and its whole answer, however that is framed. It holds answers whole and
// knows nothing of pools or of an answer's deadline: those are client/http.ts's, and wire/peer-client.ts's between
// brokers. The proxy's connections stream.
//
//   free ──ask──▶ head (interim ones skipped) ──▶ body ──whole──▶ free, or closed where the answer says so
import { connect } from "node:net";
import { createAnswerHead, parseAnswerHead } from "../http/answer-head.ts";
import { chunkedIsDone, createChunkedReader, readChunked } from "../http/chunked.ts";
import { incomplete, refused } from "../http/fields.ts";
import { framing } from "../http/framing.ts";
import { fieldIn } from "../proxy/client-request.ts";
import { HeldBytes } from "../proxy/held-bytes.ts";

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** A field's value, by its name in small letters. */
  header(name: string): string | undefined;
}

export interface Exchange {
  readonly method: string;
  answered(answer: Answer): void;
  /** No whole answer will come. */
  failed(cause: Error): void;
}

export interface HttpConnection {
  /** False: nothing that was asked has left. It stays true when the connection has ended. */
  readonly connected: boolean;
  /** Not while another question is under way. `head`: request line and fields, in Latin-1. */
  ask(head: string, body: Uint8Array | undefined, exchange: Exchange): void;
  /** Closes it, and fails what is under way for this reason. Does nothing when it is closed. */
  end(cause: Error): void;
}

export interface HttpConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** It ends unless it is connected by then. Default: as long as the system tries. */
  readonly connectMs?: number;
  /** An answer has come, and another question may go; before it is handed out. */
  onFree(connection: HttpConnection): void;
  /** Once, the last event. */
  onClosed(connection: HttpConnection): void;
}

/** An answer's body on its way. */
interface Intake {
  readonly status: number;
  readonly head: string;
  readonly kind: number;
  readonly chunks: ReturnType<typeof createChunkedReader>;
  readonly parts: Buffer[];
  /** Still to come, where the length was told; else 0. */
  leftBytes: number;
  bytes: number;
  keep: boolean;
}

const HEAD_BYTES_MAX = 64 * 1024;
const TRAILER_BYTES_MAX = 16 * 1024;
/** Far above any fetch we ask for; an answer of this size is a mistake. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** Parsed from connection to connection; what is needed longer is copied at once. */
const head = createAnswerHead(200);

export function openConnection(options: HttpConnectionOptions): HttpConnection {
  const { host, port, connectMs = 0, onFree, onClosed } = options;
  const socket = connect({ host, port, noDelay: true });
  let exchange: Exchange | null = null;
  let intake: Intake | null = null;
  /** The beginning of a head. */
  let held: HeldBytes | null = null;
  let connected = false;
  let closed = false;

  function end(cause: Error): void {
    if (closed) return;
    closed = true;
    socket.destroy();
    const asked = exchange;
    exchange = null;
    onClosed(connection);
    asked?.failed(cause);
  }

  function ask(text: string, body: Uint8Array | undefined, asked: Exchange): void {
    exchange = asked;
    socket.ref();
    socket.cork();
    socket.write(text, "latin1");
    if (body !== undefined) socket.write(body);
    socket.uncork();
  }

  function take(chunk: Buffer): void {
    if (exchange === null) end(new Error("bytes came that nobody asked for"));
    else if (intake !== null) takeBody(chunk, 0, intake);
    else takeHead(chunk, exchange);
  }

  function takeHead(chunk: Buffer, { method }: Exchange): void {
    held?.append(chunk, 0, chunk.length);
    const bytes = held?.bytes() ?? chunk;
    let from = 0;
    do {
      const after = parseAnswerHead(bytes, from, bytes.length, method, HEAD_BYTES_MAX, head);
      if (after === refused) {
        end(new Error(`the answer is malformed: ${head.problem}`));
        return;
      }
      if (after === incomplete) {
        held = new HeldBytes(bytes, from, bytes.length);
        return;
      }
      if (head.code === 101) {
        end(new Error("the answer switches to another protocol"));
        return;
      }
      from = after;
    } while (head.code < 200);
    held = null;
    intake = intakeOf(bytes.toString("latin1", head.start, from));
    takeBody(bytes, from, intake);
  }

  function takeBody(bytes: Buffer, from: number, into: Intake): void {
    const upTo = readBody(bytes, from, into);
    if (upTo < 0) end(new Error(`the answer is malformed: ${into.chunks.problem}`));
    else if (into.bytes > ANSWER_BYTES_MAX) end(new Error(`the answer exceeds ${ANSWER_BYTES_MAX} bytes`));
    else if (isWhole(into)) {
      if (upTo < bytes.length) into.keep = false;
      settle(into);
    }
  }

  function settle({ status, head: text, parts, keep }: Intake): void {
    const asked = exchange;
    exchange = null;
    intake = null;
    if (!keep) end(new Error("closed after its answer"));
    else {
      socket.unref();
      onFree(connection);
    }
    const body = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    asked?.answered({ status, body, header: (name) => fieldIn(text, name) });
  }

  function ended(): void {
    if (intake?.kind === framing.untilClose) settle(intake);
    else end(new Error("the connection ended before the answer did"));
  }

  socket.setTimeout(connectMs, () => end(new Error(`no connection within ${connectMs} ms`)));
  socket.on("connect", () => {
    connected = true;
    socket.setTimeout(0);
  });
  socket.on("data", take);
  socket.on("end", ended);
  socket.on("error", end);
  socket.on("close", () => end(new Error("the connection closed before the answer ended")));
  const connection: HttpConnection = {
    get connected() {
      return connected;
    },
    ask,
    end,
  };
  return connection;
}

/** For the body that follows the head that was parsed last. */
function intakeOf(text: string): Intake {
  const { body, connection, code, versionMinor } = head;
  const persists = versionMinor === 1 ? !connection.close : connection.keepAlive;
  return {
    status: code,
    head: text,
    kind: body.kind,
    chunks: createChunkedReader(),
    parts: [],
    leftBytes: body.kind === framing.length ? body.length : 0,
    bytes: 0,
    keep: persists && body.kind !== framing.untilClose,
  };
}

/** The offset up to which the bytes belong to the body, or −1: they are malformed. */
function readBody(bytes: Buffer, from: number, intake: Intake): number {
  const { kind, chunks, parts } = intake;
  if (kind === framing.none) return from;
  if (kind === framing.chunked) {
    const upTo = readChunked(chunks, bytes, from, bytes.length, TRAILER_BYTES_MAX);
    for (let i = 0; i < chunks.segments.length; i += 2)
      parts.push(bytes.subarray(chunks.segments[i], chunks.segments[i + 1]));
    intake.bytes += chunks.dataBytes;
    return upTo;
  }
  const upTo = kind === framing.length ? Math.min(bytes.length, from + intake.leftBytes) : bytes.length;
  if (upTo > from) parts.push(bytes.subarray(from, upTo));
  intake.bytes += upTo - from;
  if (kind === framing.length) intake.leftBytes -= upTo - from;
  return upTo;
}

function isWhole({ kind, chunks, leftBytes }: Intake): boolean {
  if (kind === framing.chunked) return chunkedIsDone(chunks);
  return kind !== framing.untilClose && leftBytes === 0;
}
