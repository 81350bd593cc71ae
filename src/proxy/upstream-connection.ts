// One connection to an upstream: at most one exchange uses it at a time, and it goes back to its pool only when
// nothing about it is in doubt. The bytes it reads are valid only during the call that hands them over.
import { connect, type Socket } from "node:net";
import { ReadBuffer } from "./read-buffer.ts";
import { asideBytes, setAside, setAsideBytesMax, takenBack } from "./set-aside.ts";
import {
  afterReads,
  atTurnEnd,
  currentTurn,
  settleReads,
  type Turn,
  type TurnReader,
  type TurnWriter,
} from "./turn.ts";

/** Where an upstream listens. */
export type UpstreamAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** How an upstream failed an exchange or a connection attempt. */
export type UpstreamFailure =
  | "full" // no place became free in time, or too many waited for one already: it was never asked
  | "rerouted" // it waited, and may go elsewhere now: it was never asked
  | "refused" // connection refused or unreachable
  | "connect-timeout"
  | "reset" // closed or reset before the answer was complete
  | "response-timeout"
  | "protocol"; // its answer broke the rules of HTTP/1.1

/** Who uses a connection: an exchange, or a tunnel. */
export interface ConnectionUser {
  /** What was written is on its way: the upstream may act on it from now on. */
  onUpstreamSent(): void;
  /** What was read is in `bytes`, from `start` to `end`. False: read no more until {@link UpstreamConnection.resume}. */
  onUpstreamBytes(bytes: Buffer, start: number, end: number): boolean;
  /** What was written has gone out, after a write that asked to wait. */
  onUpstreamDrain(): void;
  /** The upstream will send no more (FIN). */
  onUpstreamEnd(): void;
  /** The connection is gone, for whatever reason but our own {@link UpstreamConnection.discard}. */
  onUpstreamGone(failure: UpstreamFailure): void;
}

/** Who asks for a connection. */
export interface ConnectionTaker extends ConnectionUser {
  /** The connection it waited for. */
  onUpstreamConnection(connection: ExchangeConnection): void;
}

/** What an exchange does with a connection that is its own, or with its place on one that it shares. */
export interface ExchangeConnection {
  /** Exchanges that were completed on it before. */
  readonly exchanges: number;
  /** Bytes that the upstream has not taken yet. */
  readonly unsentBytes: number;
  /** The turn in which text was last written on it. */
  readonly writtenIn: Turn;
  readonly readBuffer: Pick<ReadBuffer, "expect" | "done">;
  text(latin1: string): void;
  piece(piece: string | Buffer): void;
  /** Reads on after its user returned false. */
  resume(): void;
  /** Gives it up: nothing that still comes is wanted. */
  discard(): void;
  /**
   * Gives it back after a complete answer that leaves nothing in doubt, but for `extraBytes` of what was read last
   * that are not this answer's. `timeoutS` by its Keep-Alive field, or −1.
   */
  release(extraBytes: number, timeoutS: number, nowMs: number): void;
}

/** Whose connection it is. */
export interface ConnectionOwner {
  onConnectionClosed(connection: UpstreamConnection): void;
  /** Nothing is in doubt: it may serve again. */
  release(connection: UpstreamConnection, timeoutS: number, nowMs: number): void;
  /** The upstream sent what nobody asked for, or closed what was open. */
  distrust(): void;
}

/** More than one read of a client's body (64 KB) does not wait for the end of the turn. */
const corkedBytesMax = 64 * 1024;

export class UpstreamConnection implements TurnReader, TurnWriter, ExchangeConnection {
  readonly socket: Socket;
  readonly readBuffer = new ReadBuffer();
  user: ConnectionUser | null = null;
  connected = false;
  closed = false;
  /** Exchanges that were completed on it. */
  exchanges = 0;
  /** performance.now() when it became idle, and when it is to be retired. */
  idleSinceMs = 0;
  idleUntilMs = 0;
  writtenIn: Turn = currentTurn();
  private readonly owner: ConnectionOwner;
  /** Something of its current user's was written, and not just corked: bytes that come back are an answer. */
  private asked = false;
  /** Gathered for the end of the turn. */
  private unwritten = "";
  /** Given to the socket, which keeps them for the end of the turn: a body and its head leave in one system call. */
  private corkedBytes = 0;
  /** What was read in this turn and is set aside: where, and how much; 0: nothing is. */
  private asideFrom = 0;
  private asideBytes = 0;
  /** The socket had not taken all when it was last given something. */
  private owes = true;

  constructor(address: UpstreamAddress, owner: ConnectionOwner) {
    this.owner = owner;
    this.socket = connect({
      ...address,
      noDelay: true,
      onread: {
        buffer: () => this.readBuffer.next() as Uint8Array, // asked after each read
        callback: (length, bytes) => this.onRead(bytes as Buffer, length),
      },
    });
    this.socket.on("connect", () => {
      this.connected = true;
      if (this.asked) this.user?.onUpstreamSent();
    });
    this.socket.on("drain", () => this.user?.onUpstreamDrain());
    this.socket.on("end", () => this.onEnd());
    this.socket.on("error", () => this.onLost());
    this.socket.on("close", () => this.onLost());
  }

  /** While it is idle: it has sent what nobody asked for, which is to be looked at later in this turn. */
  get hasUnread(): boolean {
    return this.asideBytes > 0;
  }

  /** From now on `user` has it. */
  assign(user: ConnectionUser): void {
    this.user = user;
    this.asked = false;
  }

  /** What it reads and what it writes from now on belong to `user`, in the midst of an exchange. */
  handOver(user: ConnectionUser): void {
    this.user = user;
  }

  /** Sends text (latin1) at the end of this turn. */
  text(latin1: string): void {
    if (this.unwritten === "") atTurnEnd(this);
    this.unwritten += latin1;
  }

  /** Sends bytes, after what was gathered: at the end of this turn, or at once when there are many. */
  bytes(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.corkedBytes === 0) {
      atTurnEnd(this);
      this.socket.cork();
    }
    this.corkedBytes += bytes.length;
    this.writeText();
    this.owes = true;
    this.socket.write(bytes);
    if (this.corkedBytes > corkedBytesMax) this.uncork();
  }

  private uncork(): void {
    this.corkedBytes = 0;
    this.socket.uncork();
    this.hasLeft();
  }

  /** Until now nothing could have been acted on: what came before, even in this very turn, answers nothing. */
  private hasLeft(): void {
    if (this.closed) return;
    this.asked = true;
    if (this.connected) this.user?.onUpstreamSent();
  }

  piece(piece: string | Buffer): void {
    if (typeof piece === "string") this.text(piece);
    else this.bytes(piece);
  }

  writeNow(): void {
    this.writeText();
    if (this.corkedBytes > 0) this.uncork();
  }

  private writeText(): void {
    const text = this.unwritten;
    if (text === "") return;
    this.unwritten = "";
    if (this.closed) return;
    this.writtenIn = currentTurn();
    this.socket.write(text, "latin1");
    this.owes = this.socket.writableLength > 0;
    if (this.corkedBytes === 0) this.hasLeft();
  }

  /** Bytes that the upstream has not taken yet. */
  get unsentBytes(): number {
    return this.owes ? this.socket.writableLength + this.unwritten.length : this.unwritten.length;
  }

  /** Reads on after a user returned false. */
  resume(): void {
    this.socket.resume();
  }

  release(extraBytes: number, timeoutS: number, nowMs: number): void {
    if (extraBytes === 0) {
      this.owner.release(this, timeoutS, nowMs);
      return;
    }
    this.owner.distrust();
    this.discard();
  }

  /** Closes it now, without telling its user. */
  discard(): void {
    this.user = null;
    this.socket.destroy();
    this.onClosed();
  }

  /** Closes it now; its user learns that it is gone. */
  fail(): void {
    this.socket.destroy();
    this.onClosed();
  }

  /** A short read waits until everything that has arrived in this turn was read; others are looked at now. */
  private onRead(buffer: Buffer, length: number): boolean {
    if (length <= setAsideBytesMax && this.asideBytes === 0 && !this.readBuffer.isLarge) {
      this.asideFrom = setAside(buffer, length);
      if (this.asideFrom >= 0) {
        this.asideBytes = length;
        afterReads(this, null);
        return true;
      }
    }
    settleReads();
    return this.closed || this.look(buffer, 0, length);
  }

  readNow(): void {
    const { asideFrom: from, asideBytes: length } = this;
    this.asideBytes = 0;
    try {
      if (!this.closed && !this.look(asideBytes, from, from + length)) this.socket.pause();
    } finally {
      takenBack();
    }
  }

  private look(bytes: Buffer, start: number, end: number): boolean {
    if (this.user === null) {
      this.owner.distrust();
      this.discard(); // nobody asked: whatever this is, it must not meet the next request
      return false;
    }
    if (this.asked) return this.user.onUpstreamBytes(bytes, start, end);
    this.owner.distrust();
    this.fail(); // an answer to a request that has not been sent
    return false;
  }

  private onEnd(): void {
    settleReads();
    if (this.user === null) this.onLost();
    else this.user.onUpstreamEnd();
  }

  /** Closed by the other side; a user knows best whether that was to be expected. */
  private onLost(): void {
    settleReads();
    if (!this.closed && this.connected && this.user === null) this.owner.distrust();
    this.socket.destroy();
    this.onClosed();
  }

  private onClosed(): void {
    if (this.closed) return;
    this.closed = true;
    this.owner.onConnectionClosed(this);
    const { user } = this;
    this.user = null;
    user?.onUpstreamGone(this.connected ? "reset" : "refused");
  }
}
