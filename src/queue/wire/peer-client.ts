// Requests from one broker to another over kept connections, one exchange at a time on each. Only for our own listener,
// whose answers always have a Content-Length. The proxy's upstreams stream and spread; this asks and gets.
import { connect, type Socket } from "node:net";
import { RoundhouseError } from "../../errors.ts";
import { createAnswerHead, parseAnswerHead } from "../../http/answer-head.ts";
import { incomplete, refused } from "../../http/fields.ts";
import { fieldIn } from "../../proxy/client-request.ts";
import { HeldBytes } from "../../proxy/held-bytes.ts";

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

export interface PeerRequest {
  readonly method: string;
  readonly target: string;
  /** Further header lines, each with its CR LF. Default: none. */
  readonly fields?: string;
  readonly body?: Buffer;
  readonly signal?: AbortSignal;
  /** Without a whole answer by then it is given up. */
  readonly deadlineMs: number;
}

export interface PeerAnswer {
  readonly status: number;
  readonly body: Buffer;
  header(name: string): string | undefined;
}

/** No answer came. `sent`: the other side may have acted on the request. */
export class PeerLost extends Error {
  readonly sent: boolean;

  constructor(detail: string, sent: boolean) {
    super(detail);
    this.sent = sent;
  }
}

export interface PeerClient {
  /** Rejects with PeerLost, or with TIMEOUT when the signal has aborted. */
  ask(address: PeerAddress, request: PeerRequest): Promise<PeerAnswer>;
  close(): void;
}

/** Kept idle for less time than the listener keeps them, so that it never closes one that is about to be used. */
const idleMs = 30_000;
const idleMax = 256;
const connectMs = 2_000;
const answerHeadBytesMax = 16 * 1024;
const answerBytesMax = 64 * 1024 * 1024;

const head = createAnswerHead(32);

interface Exchange {
  readonly method: string;
  resolve(answer: PeerAnswer): void;
  reject(error: PeerLost): void;
}

class PeerConnection {
  idleSinceMs = 0;
  closed = false;
  private readonly socket: Socket;
  private readonly onFree: (connection: PeerConnection) => void;
  private exchange: Exchange | null = null;
  private connected = false;
  private held: HeldBytes | null = null;
  /** Length of the answer with its head, once that is known. */
  private expected = 0;

  constructor(address: PeerAddress, onFree: (connection: PeerConnection) => void) {
    this.onFree = onFree;
    this.socket = connect({ host: address.host, port: address.port, noDelay: true });
    this.socket.setTimeout(connectMs, () => this.lose("no connection in time"));
    this.socket.on("connect", () => {
      this.connected = true;
      this.socket.setTimeout(0);
    });
    this.socket.on("data", (chunk) => this.onData(chunk));
    this.socket.on("end", () => this.lose("the connection ended"));
    this.socket.on("error", (error) => this.lose(error.message));
    this.socket.on("close", () => this.lose("the connection closed"));
  }

  begin(exchange: Exchange, text: string, body: Buffer | undefined): void {
    this.exchange = exchange;
    this.socket.ref();
    if (body === undefined) this.socket.write(text, "latin1");
    else {
      this.socket.cork();
      this.socket.write(text, "latin1");
      this.socket.write(body);
      this.socket.uncork();
    }
  }

  lose(why: string): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.destroy();
    const { exchange } = this;
    this.exchange = null;
    exchange?.reject(new PeerLost(why, this.connected));
  }

  private onData(chunk: Buffer): void {
    if (this.exchange === null) {
      this.lose("bytes that nobody asked for");
      return;
    }
    let bytes = chunk;
    if (this.held !== null) {
      this.held.append(chunk, 0, chunk.length);
      if (this.held.length < this.expected) return;
      bytes = this.held.bytes();
    }
    if (!this.take(bytes, this.exchange) && !this.closed && this.held === null)
      this.held = new HeldBytes(bytes, 0, bytes.length);
  }

  /** False while the answer is not complete. */
  private take(bytes: Buffer, exchange: Exchange): boolean {
    const end = parseAnswerHead(bytes, 0, bytes.length, exchange.method, answerHeadBytesMax, head);
    if (end === incomplete) return false;
    if (end === refused || head.body.length > answerBytesMax) {
      this.lose(head.problem);
      return false;
    }
    const length = exchange.method === "HEAD" ? 0 : Math.max(0, head.body.length);
    this.expected = end + length;
    if (bytes.length < this.expected) return false;
    const text = bytes.toString("latin1", 0, end);
    const body = bytes.subarray(end, this.expected);
    const { code: status, connection } = head;
    this.held = null;
    this.expected = 0;
    this.exchange = null;
    if (connection.close || bytes.length > end + length) this.lose("closed after its answer");
    else {
      this.socket.unref();
      this.onFree(this);
    }
    exchange.resolve({ status, body, header: (name) => fieldIn(text, name) });
    return true;
  }
}

export function createPeerClient(): PeerClient {
  const idle = new Map<string, PeerConnection[]>();
  const all = new Set<PeerConnection>();

  function freshest(key: string): PeerConnection | undefined {
    const free = idle.get(key) ?? [];
    for (;;) {
      const connection = free.pop();
      if (connection === undefined) return undefined;
      if (!connection.closed && performance.now() - connection.idleSinceMs < idleMs) return connection;
      connection.lose("idle for too long");
      all.delete(connection);
    }
  }

  function opened(key: string, address: PeerAddress): PeerConnection {
    const connection = new PeerConnection(address, (one) => {
      one.idleSinceMs = performance.now();
      const free = idle.get(key) ?? [];
      idle.set(key, free);
      if (free.length >= idleMax) one.lose("not needed");
      else free.push(one);
    });
    all.add(connection);
    for (const one of all) if (one.closed) all.delete(one);
    return connection;
  }

  function ask(address: PeerAddress, request: PeerRequest): Promise<PeerAnswer> {
    const { method, target, fields = "", body, signal, deadlineMs } = request;
    const key = `${address.host}:${address.port}`;
    return new Promise((resolve, reject) => {
      const connection = freshest(key) ?? opened(key, address);
      let givenUp = false;
      const giveUp = () => {
        givenUp = true;
        connection.lose("given up");
      };
      const timer = setTimeout(() => connection.lose(`no answer within ${deadlineMs} ms`), deadlineMs);
      signal?.addEventListener("abort", giveUp, { once: true });
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", giveUp);
      };
      const length = body === undefined ? "" : `Content-Length: ${body.length}\r\n`;
      const text = `${method} ${target} HTTP/1.1\r\nHost: ${key}\r\n${length}${fields}\r\n`;
      const exchange: Exchange = {
        method,
        resolve(answer) {
          settle();
          resolve(answer);
        },
        reject(error) {
          settle();
          reject(givenUp ? new RoundhouseError("TIMEOUT", "Nobody waits for this answer any more.") : error);
        },
      };
      connection.begin(exchange, text, body);
      if (signal?.aborted === true) giveUp();
    });
  }

  return {
    ask,
    close() {
      for (const connection of all) connection.lose("this broker is ending");
      all.clear();
      idle.clear();
    },
  };
}
