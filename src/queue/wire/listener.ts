// A broker's HTTP/1.1 listener on node:net: accepts connections, looks at their deadlines, and ends them. What comes
// over them is connection.ts's.
import { createServer, type Socket } from "node:net";
import { createRequestHead } from "../../http/request-head.ts";
import { startSweep, stopSweep } from "../../proxy/sweep.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { defaultWireLimits, type WireLimits, type WireService } from "./service.ts";

export interface WireListenerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any that is free. */
  readonly port?: number;
  readonly limits?: Partial<WireLimits>;
}

export interface WireListener {
  readonly host: string;
  readonly port: number;
  /** Connections open now, and requests since the start. */
  readonly stats: { connections: number; requests: number };
  /**
   * Takes no new connection, answers what is under way or on its way with `Connection: close`, closes what was quiet for
   * 300 ms, and resolves when all are gone or after `deadlineMs`, when the rest is destroyed.
   */
  close(deadlineMs: number): Promise<void>;
}

/** Resolves when it listens; rejects with the system's error (EADDRINUSE …). */
export async function listenOnWire(
  service: WireService,
  options: WireListenerOptions = {},
): Promise<WireListener> {
  const limits = { ...defaultWireLimits, ...options.limits };
  const stats = { connections: 0, requests: 0 };
  const open: Connection[] = [];
  let gone: (() => void) | undefined;

  const host: ConnectionHost = {
    service,
    limits,
    head: createRequestHead(limits.headerCountMax),
    bodiesBytes: 0,
    draining: false,
    onRequest: () => {
      stats.requests++;
    },
    onClosed(connection) {
      const last = open.pop() as Connection;
      if (last !== connection) {
        open[connection.index] = last;
        last.index = connection.index;
      }
      stats.connections = open.length;
      if (open.length > 0) return;
      stopSweep(sweep);
      gone?.();
    },
  };

  const sweep = (nowMs: number): void => {
    for (let index = open.length - 1; index >= 0; index--) open[index]?.sweep(nowMs);
  };

  function accept(socket: Socket): void {
    if (open.length >= limits.connectionsMax) {
      socket.on("error", () => socket.destroy());
      socket.end(tooManyConnections);
      socket.destroySoon();
      return;
    }
    if (open.length === 0) startSweep(sweep);
    const connection = new Connection(socket, host, performance.now());
    connection.index = open.push(connection) - 1;
    stats.connections = open.length;
  }

  const server = createServer({ noDelay: true, allowHalfOpen: true }, accept);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host ?? "127.0.0.1", port: options.port ?? 0, backlog: 1024 }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
  server.on("error", () => {}); // a failed accept (too many open files) leaves the others served
  const address = server.address() as { address: string; port: number };

  return {
    host: address.address,
    port: address.port,
    stats,
    async close(deadlineMs) {
      host.draining = true;
      // What came while this process was held up lies in the sockets still. It is read first: between two immediates.
      await new Promise((resolve) => setImmediate(setImmediate, resolve));
      server.close();
      for (const connection of [...open]) connection.drain();
      if (open.length === 0) return;
      await new Promise<void>((resolve) => {
        const lastCall = setTimeout(() => {
          for (const connection of [...open]) connection.destroy();
        }, deadlineMs);
        gone = () => {
          clearTimeout(lastCall);
          resolve();
        };
      });
    },
  };
}

const tooManyConnections =
  "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
