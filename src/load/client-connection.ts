// One kept connection to the server under load: a request, its answer, the next request. Who asks for what and when is
// load.ts; this file only knows how one exchange ends.
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AnswerReader } from "./answer-reader.ts";

/** How a request can end without an answer. */
export type Failure =
  | "connect" // no connection: refused, unreachable, or a failed TLS handshake
  | "reset" // the connection ended before the answer was complete
  | "timeout"
  | "malformed"; // what came is not HTTP/1.1

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Accept any certificate. */
  readonly insecure: boolean;
}

export interface ConnectionUser {
  onAnswer(connection: ClientConnection, answer: AnswerReader): void;
  /** The connection is of no further use. `problem` in words. */
  onFailure(connection: ClientConnection, failure: Failure, problem: string): void;
  /** It has closed between two requests. */
  onClosed(connection: ClientConnection): void;
}

export class ClientConnection {
  /** Requests answered on it. */
  answered = 0;
  /** For whoever uses the connection: when the request is given up, performance.now(). */
  deadlineMs = 0;
  private readonly socket: Socket;
  private readonly user: ConnectionUser;
  private readonly reader: AnswerReader;
  private connected = false;
  private busy = false;
  private over = false;
  private problem = "the server closed the connection";

  constructor(target: Target, samples: boolean, user: ConnectionUser) {
    this.user = user;
    this.reader = new AnswerReader(samples);
    this.socket = open(target, () => {
      this.connected = true;
    });
    this.socket.setNoDelay(true);
    this.socket.on("data", (chunk: Buffer) => this.onData(chunk));
    this.socket.on("end", () => this.onEnd());
    this.socket.on("error", (error) => {
      this.problem = error.message;
    });
    this.socket.on("close", () => this.onEnd());
  }

  get isBusy(): boolean {
    return this.busy;
  }

  /** Part of an answer has come: the server has seen the request. */
  get isHeard(): boolean {
    return this.reader.hasBegun;
  }

  send(request: string, method: string): void {
    this.busy = true;
    this.reader.begin(method);
    this.socket.write(request, "latin1");
  }

  /** Ends it; nobody is told. */
  close(): void {
    this.over = true;
    this.socket.destroy();
  }

  /** Its request has taken too long. */
  giveUp(): void {
    this.fail("timeout", "no complete answer in time");
  }

  private onData(chunk: Buffer): void {
    if (this.over) return;
    if (!this.busy) {
      this.over = true;
      this.socket.destroy(); // 408 on an idle connection, for example: nothing that anybody waits for
      this.user.onClosed(this);
      return;
    }
    const progress = this.reader.take(chunk);
    if (progress === "malformed") this.fail("malformed", this.reader.problem);
    else if (progress === "done") this.done();
  }

  private done(): void {
    this.busy = false;
    this.answered++;
    if (!this.reader.keeps) this.close();
    this.user.onAnswer(this, this.reader);
  }

  /** No further request fits on it. */
  get isOver(): boolean {
    return this.over;
  }

  private onEnd(): void {
    if (this.over) return;
    if (this.busy && this.reader.end()) {
      this.done();
    } else if (this.busy) {
      this.fail(this.connected ? "reset" : "connect", this.problem);
    } else {
      this.over = true;
      this.socket.destroy();
      this.user.onClosed(this);
    }
  }

  private fail(failure: Failure, problem: string): void {
    this.over = true;
    this.busy = false;
    this.socket.destroy();
    this.user.onFailure(this, failure, problem);
  }
}

function open({ host, port, tls, insecure }: Target, connected: () => void): Socket {
  if (!tls) return connect({ host, port }, connected);
  const servername = /^[\d.:]+$/.test(host) ? "" : host; // RFC 6066 section 3: no address is a server name
  return connectTls(
    { host, port, servername, rejectUnauthorized: !insecure, ALPNProtocols: ["http/1.1"] },
    connected,
  );
}
