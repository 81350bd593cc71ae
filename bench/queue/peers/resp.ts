// As much of Redis' protocol (RESP2) as the benchmark needs: commands out in one write, replies in order. It is small so
// that the client costs Redis as little as possible.
import { connect, type Socket } from "node:net";

export type Reply = Buffer | number | null | readonly Reply[];
type Command = readonly (string | Buffer)[];

export interface RespClient {
  /** Sends all in one write; resolves to their replies. Rejects at the first error among them. */
  send(commands: readonly Command[]): Promise<readonly Reply[]>;
  close(): void;
}

interface Waiting {
  readonly count: number;
  readonly replies: Reply[];
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (error: Error) => void;
}

const LINE_END = Buffer.from("\r\n");

function encode(commands: readonly Command[]): Buffer {
  const parts: Buffer[] = [];
  for (const command of commands) {
    parts.push(Buffer.from(`*${command.length}\r\n`));
    for (const part of command) {
      const bytes = typeof part === "string" ? Buffer.from(part) : part;
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, LINE_END);
    }
  }
  return Buffer.concat(parts);
}

/** Where the next reply ends and what it is; null when it has not come whole. */
function parse(bytes: Buffer, at: number): { readonly reply: Reply | Error; readonly end: number } | null {
  const lineEnd = bytes.indexOf(LINE_END, at);
  if (lineEnd < 0) return null;
  const text = bytes.toString("latin1", at + 1, lineEnd);
  const after = lineEnd + 2;
  const kind = String.fromCharCode(bytes[at] ?? 0);
  if (kind === "+") return { reply: Buffer.from(text), end: after };
  if (kind === "-") return { reply: new Error(`Redis answered ${text}`), end: after };
  if (kind === ":") return { reply: Number(text), end: after };
  const length = Number(text);
  if (length < 0) return { reply: null, end: after };
  if (kind === "$") {
    const end = after + length;
    return bytes.length < end + 2 ? null : { reply: bytes.subarray(after, end), end: end + 2 };
  }
  return parseArray(bytes, after, length);
}

function parseArray(bytes: Buffer, from: number, length: number): ReturnType<typeof parse> {
  const replies: Reply[] = [];
  let at = from;
  for (let i = 0; i < length; i++) {
    const found = parse(bytes, at);
    if (found === null) return null;
    if (found.reply instanceof Error) return found;
    replies.push(found.reply);
    at = found.end;
  }
  return { reply: replies, end: at };
}

export async function connectResp(port: number): Promise<RespClient> {
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const waiting: Waiting[] = [];
  let rest: Buffer = Buffer.alloc(0);

  function settle(reply: Reply | Error): void {
    const first = waiting[0];
    if (first === undefined) return;
    if (reply instanceof Error) first.reject(reply);
    first.replies.push(reply instanceof Error ? null : reply);
    if (first.replies.length < first.count) return;
    waiting.shift();
    first.resolve(first.replies);
  }

  function fail(error: Error): void {
    for (const one of waiting.splice(0)) one.reject(error);
  }

  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let found = parse(bytes, at); found !== null; found = parse(bytes, at)) {
      at = found.end;
      settle(found.reply);
    }
    rest = bytes.subarray(at);
  });
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("Redis has closed the connection")));

  return {
    send(commands) {
      return new Promise((resolve, reject) => {
        waiting.push({ count: commands.length, replies: [], resolve, reject });
        socket.write(encode(commands));
      });
    },
    close: () => void socket.destroy(),
  };
}
