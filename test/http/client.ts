// A client on a raw TCP socket: it sends bytes, keeps the bytes that come back, and knows how the connection ended.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Answers, parseAnswers } from "./strict.ts";
import { holds, until } from "./until.ts";

export interface Client {
  readonly socket: Socket;
  /** All bytes received, one character a byte. */
  received(): string;
  /** The proxy has closed its sending side, or the connection is gone. */
  ended(): boolean;
  /** The connection was reset. */
  reset(): boolean;
  send(bytes: string): void;
  /** Closes our sending side. */
  finish(): void;
  /** What was received so far, parsed strictly; `methods` of the requests sent, in order. */
  answers(methods?: readonly string[]): Answers;
  /** Waits until `count` complete final answers are here or the connection ended, and gives all answers. */
  take(count: number, methods?: readonly string[]): Promise<Answers>;
  /** Waits for the connection's end. */
  untilEnded(withinMs?: number): Promise<void>;
  destroy(): void;
}

export async function connectClient(port: number, localAddress?: string): Promise<Client> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    allowHalfOpen: true,
    noDelay: true,
    ...(localAddress && { localAddress }),
  });
  let received = "";
  let ended = false;
  let reset = false;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  socket.on("end", () => {
    ended = true;
  });
  socket.on("close", () => {
    ended = true;
  });
  await once(socket, "connect");
  socket.on("error", () => {
    reset = true;
    ended = true;
  });
  const answers = (methods: readonly string[] = []): Answers => parseAnswers(received, methods, ended);
  return {
    socket,
    received: () => received,
    ended: () => ended,
    reset: () => reset,
    send: (bytes) => void socket.write(Buffer.from(bytes, "latin1")),
    finish: () => void socket.end(),
    answers,
    async take(count, methods) {
      await until(
        () => `${count} answers; received ${JSON.stringify(received.slice(0, 500))}`,
        () => ended || (received !== "" && answers(methods).finals.length >= count),
      );
      return answers(methods);
    },
    untilEnded: (withinMs) =>
      until(
        () => `the connection's end; received ${JSON.stringify(received.slice(0, 500))}`,
        () => ended,
        withinMs,
      ),
    destroy: () => void socket.destroy(),
  };
}

/** Whether the connection ends within `withinMs`. */
export const endsWithin = (client: Client, withinMs: number): Promise<boolean> =>
  holds(client.ended, withinMs);
