// A scripted upstream on a raw TCP socket. It reads requests with the strict parser, keeps all that it saw, and
// answers whatever bytes the script says, right or wrong. It is no HTTP server.
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type Message, parseRequest } from "./strict.ts";

export interface OriginConnection {
  /** 0, 1, 2 … in the order of arrival. */
  readonly index: number;
  readonly socket: Socket;
  /** Bytes that are no complete request yet. */
  pending: string;
  /** Complete requests seen on this connection since it was opened. */
  count: number;
  /** The proxy has closed its side, or reset. */
  ended: boolean;
}

export interface Origin {
  readonly address: { readonly host: string; readonly port: number };
  /** All connections since the start. */
  readonly connections: readonly OriginConnection[];
  /** Complete requests since the last {@link Origin.forget}, in order of arrival. */
  readonly requests: readonly Message[];
  /** What the strict parser found wrong since then. */
  readonly faults: readonly string[];
  /** Bytes received since then. */
  bytesReceived(): number;
  /** Connections that hold a part of a request and are still open. */
  partial(): readonly OriginConnection[];
  forget(): void;
  close(): Promise<void>;
}

/** Called once per complete request. `nth` counts from 0 since the last `forget`. */
export type OriginScript = (request: Message, connection: OriginConnection, nth: number) => void;

/** Takes the connection's bytes itself; the strict parser is not asked. */
export type RawScript = (connection: OriginConnection) => void;

export const methodOf = (request: Message): string => request.start.slice(0, request.start.indexOf(" "));

/** 200 with the body `ok`, and the request's number in `X-Nth`. */
export const answerOk: OriginScript = (request, { socket }, nth) => {
  const body = methodOf(request) === "HEAD" ? "" : "ok";
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Nth: ${nth}\r\n\r\n${body}`);
};

export function startOrigin(script: OriginScript = answerOk): Promise<Origin> {
  return listen((connection, state) => {
    connection.socket.on("data", (chunk: Buffer) => {
      state.bytesReceived += chunk.length;
      connection.pending += chunk.toString("latin1");
      takeRequests(connection, state, script);
    });
  });
}

/** An origin whose script reads the socket itself. */
export function startRawOrigin(script: RawScript): Promise<Origin> {
  return listen(script);
}

interface OriginState {
  requests: Message[];
  faults: string[];
  bytesReceived: number;
}

function takeRequests(connection: OriginConnection, state: OriginState, script: OriginScript): void {
  while (connection.pending !== "") {
    const parsed = parseRequest(connection.pending);
    if (parsed.kind === "incomplete") return;
    if (parsed.kind === "fault") {
      state.faults.push(parsed.why);
      connection.socket.destroy();
      return;
    }
    connection.pending = connection.pending.slice(parsed.message.end);
    connection.count++;
    state.requests.push(parsed.message);
    script(parsed.message, connection, state.requests.length - 1);
  }
}

async function listen(
  onConnection: (connection: OriginConnection, state: OriginState) => void,
): Promise<Origin> {
  const connections: OriginConnection[] = [];
  const state: OriginState = { requests: [], faults: [], bytesReceived: 0 };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection: OriginConnection = {
      index: connections.length,
      socket,
      pending: "",
      count: 0,
      ended: false,
    };
    connections.push(connection);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      connection.ended = true;
    });
    socket.on("end", () => {
      connection.ended = true;
      socket.end();
    });
    onConnection(connection, state);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    connections,
    get requests() {
      return state.requests;
    },
    get faults() {
      return state.faults;
    },
    bytesReceived: () => state.bytesReceived,
    partial: () => connections.filter(({ pending, ended }) => pending !== "" && !ended),
    forget() {
      Object.assign(state, { requests: [], faults: [], bytesReceived: 0 });
      for (const connection of connections) if (connection.ended) connection.pending = "";
    },
    async close() {
      for (const { socket } of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
