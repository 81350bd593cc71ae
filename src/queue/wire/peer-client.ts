// Requests from one broker to another over kept connections. What is a client of a queue from outside is client/http.ts's;
// here it matters whether a request that failed had been sent.
import { RoundhouseError } from "../../errors.ts";
import { type HttpConnection, openConnection, type Answer as PeerAnswer } from "../http-connection.ts";

export type { Answer as PeerAnswer } from "../http-connection.ts";

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

interface Pool {
  /** For the Host field. */
  readonly authority: string;
  readonly address: PeerAddress;
  /** Longest idle first. */
  readonly idle: { readonly connection: HttpConnection; readonly sinceMs: number }[];
}

export function createPeerClient(): PeerClient {
  const pools = new Map<string, Pool>();
  const open = new Set<HttpConnection>();

  function poolOf(address: PeerAddress): Pool {
    const authority = `${address.host}:${address.port}`;
    const pool = pools.get(authority) ?? { authority, address, idle: [] };
    pools.set(authority, pool);
    return pool;
  }

  function freshest({ idle }: Pool): HttpConnection | undefined {
    for (;;) {
      const found = idle.pop();
      if (found === undefined || performance.now() - found.sinceMs < idleMs) return found?.connection;
      found.connection.end(new Error("idle for too long"));
    }
  }

  function opened({ address, idle }: Pool): HttpConnection {
    const connection = openConnection({
      ...address,
      connectMs,
      onFree(free) {
        if (idle.length >= idleMax) free.end(new Error("not needed"));
        else idle.push({ connection: free, sinceMs: performance.now() });
      },
      onClosed(gone) {
        open.delete(gone);
        const index = idle.findIndex((one) => one.connection === gone);
        if (index >= 0) idle.splice(index, 1);
      },
    });
    open.add(connection);
    return connection;
  }

  function ask(address: PeerAddress, request: PeerRequest): Promise<PeerAnswer> {
    const { method, target, fields = "", body, signal, deadlineMs } = request;
    return new Promise((resolve, reject) => {
      const pool = poolOf(address);
      const connection = freshest(pool) ?? opened(pool);
      let givenUp = false;
      const giveUp = () => {
        givenUp = true;
        connection.end(new Error("given up"));
      };
      const late = () => connection.end(new Error(`no answer within ${deadlineMs} ms`));
      const timer = setTimeout(late, deadlineMs);
      signal?.addEventListener("abort", giveUp, { once: true });
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", giveUp);
      };
      const length = body === undefined ? "" : `Content-Length: ${body.length}\r\n`;
      const head = `${method} ${target} HTTP/1.1\r\nHost: ${pool.authority}\r\n${length}${fields}\r\n`;
      connection.ask(head, body, {
        method,
        answered(answer) {
          settle();
          resolve(answer);
        },
        failed({ message }) {
          settle();
          if (givenUp) reject(new RoundhouseError("TIMEOUT", "Nobody waits for this answer any more."));
          else reject(new PeerLost(message, connection.connected));
        },
      });
      if (signal?.aborted === true) giveUp();
    });
  }

  return {
    ask,
    close() {
      for (const connection of open) connection.end(new Error("this broker is ending"));
    },
  };
}
