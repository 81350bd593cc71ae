// Many kept connections that ask again and again, and notice each request that is lost: sent, and not answered whole.
// A connection that is closed after an answer with `Connection: close` is no loss, and neither is one that is refused.
import { connect, type Socket } from "node:net";

export interface SteadyLoad {
  /** Requests answered with 200 so far. */
  readonly answered: number;
  /** Connections on which a request has been answered. */
  readonly served: number;
  /** What was lost or answered otherwise, in words. */
  readonly lost: readonly string[];
  /** Connections that are still in use: a refused one is given up. */
  readonly inUse: number;
  /** Connections that were opened anew because an answer said so. */
  readonly reopened: number;
  /** Asks no more; resolves when each request under way has been answered. */
  stop(): Promise<void>;
}

/** @param pauseMs from an answer to the next request on its connection */
export function startLoad(port: number, path: string, connections: number, pauseMs = 0): SteadyLoad {
  const load = { answered: 0, served: 0, lost: [] as string[], inUse: connections, reopened: 0 };
  let stopping = false;
  const all = Array.from({ length: connections }, () => askOnAndOn());

  async function askOnAndOn(): Promise<void> {
    try {
      while (!stopping) {
        const socket = await open(port);
        if (socket === null) break;
        const goOn = await use(socket);
        if (!goOn) break;
        load.reopened += 1;
      }
    } finally {
      load.inUse -= 1;
    }
  }

  /** Resolves with true when the server has asked for another connection. */
  function use(socket: Socket): Promise<boolean> {
    return new Promise((resolve) => {
      let text = "";
      let asked = 0;
      let answers = 0;
      const ask = () => {
        asked = performance.now();
        socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
      };
      const done = (again: boolean) => {
        socket.removeAllListeners("close").destroy();
        resolve(again);
      };
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        const head = text.indexOf("\r\n\r\n");
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
        if (head < 0 || text.length < head + 4 + length) return;
        if (text.startsWith("HTTP/1.1 200 ")) {
          load.answered += 1;
          if (++answers === 1) load.served += 1;
        } else load.lost.push(text.slice(0, 200));
        const last = /connection: close/i.test(text.slice(0, head));
        text = "";
        if (last || stopping) done(last && !stopping);
        else if (pauseMs > 0) setTimeout(ask, pauseMs);
        else ask();
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        load.lost.push(
          `cut off ${Math.round(performance.now() - asked)} ms after it was asked: ${text.slice(0, 80)}`,
        );
        resolve(false);
      });
      ask();
    });
  }

  return Object.assign(load, {
    stop: async () => {
      stopping = true;
      await Promise.all(all);
    },
  });
}

/** Null when nobody listens (any more). */
function open(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}
