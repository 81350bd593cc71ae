// The front port, and the queue's. Listens from the first moment, so that a port in use is known at once and clients can connect;
// hands connections on when there is somebody to answer them.
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { listenError } from "../telemetry/listen-error.ts";
import type { Log } from "../telemetry/log.ts";

export interface Listener {
  readonly port: number;
  /** Hands over the sockets that wait, and from now on each new one at once. */
  release(): void;
  /**
   * Takes no new connections; those that exist live on. Resolves when the port is closed: the connections that have
   * been made until now are taken first, since closing resets those that wait in the kernel; that may take `patienceMs`.
   * May be called again with less.
   */
  stopAccepting(patienceMs: number): Promise<void>;
  /** The same, and the sockets that still wait are destroyed: nobody will answer them. */
  close(): void;
}

/** What it is called when it cannot be opened; the option that moves it. */
export interface ListenerName {
  readonly what: string;
  readonly option: string;
}

const frontPort: ListenerName = { what: "front door", option: "--port" };

/** Sockets that wait for the first replicas; a later one is handed on at once and gets a 503. */
const heldMax = 1024;

/** Connections that come faster than they can be taken do not keep the port open for longer. */
const lastCallMsMax = 5_000;

/** A turn of the event loop takes one connection, or as many as there are: libuv's versions differ. */
const nextTurn = () => new Promise<void>((resolve) => void setImmediate(() => setImmediate(resolve)));

/** Rejects with PORT_IN_USE or BAD_CONFIG, in words. */
export async function openListener(
  host: string,
  port: number,
  accept: (socket: Socket) => void,
  log: Pick<Log, "error">,
  name: ListenerName = frontPort,
): Promise<Listener> {
  let held: Set<Socket> | null = new Set();
  let taken = 0;
  let lastCallUntilMs = Number.POSITIVE_INFINITY;
  // Half-open: a client may send FIN after its request and still read the answer.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    taken += 1;
    if (held === null || held.size >= heldMax) accept(socket);
    else hold(held, socket);
  });
  try {
    server.listen({ host, port, backlog: 4096 });
    await once(server, "listening");
  } catch (cause) {
    throw listenError(cause, name.what, name.option, host, port);
  }
  server.on("error", (error) =>
    log.error({ event: "listener" }, `Accepting a connection failed: ${error.message}`),
  );
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    release: () => {
      const waiting = held ?? [];
      held = null;
      for (const socket of waiting) {
        socket.removeAllListeners("error");
        accept(socket);
      }
    },
    stopAccepting: async (patienceMs) => {
      lastCallUntilMs = Math.min(lastCallUntilMs, performance.now() + Math.min(patienceMs, lastCallMsMax));
      for (let before = -1; before !== taken && performance.now() < lastCallUntilMs; ) {
        before = taken;
        await nextTurn();
      }
      server.close();
    },
    close: () => {
      server.close();
      for (const socket of held ?? []) socket.destroy();
    },
  };
}

/** Nobody reads a held socket: at most one chunk is buffered, the rest waits in the kernel. */
function hold(held: Set<Socket>, socket: Socket): void {
  held.add(socket);
  socket.on("error", () => held.delete(socket));
  socket.once("close", () => held.delete(socket));
}
