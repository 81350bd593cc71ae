// Handshakes under way: how many there may be, in all and from one address. A connection counts here until it is
// encrypted, and from then on where all connections are counted.
import type { Socket } from "node:net";
import { peerAddress } from "../peer-trust.ts";

export interface HandshakeLimits {
  /** From the connection's first byte to the end of the handshake. */
  readonly handshakeDeadlineMs: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

export class Handshakes {
  private readonly limits: HandshakeLimits;
  private readonly onFailed: () => void;
  /** By the peer's address and port, which two connections never share. */
  private readonly sockets = new Map<string, Socket>();
  private readonly byAddress = new Map<string, number>();

  constructor(limits: HandshakeLimits, onFailed: () => void) {
    this.limits = limits;
    this.onFailed = onFailed;
  }

  /** False: there are too many, and it has been closed. */
  begin(socket: Socket): boolean {
    const address = peerAddress(socket);
    const name = nameOf(socket);
    const fromAddress = this.byAddress.get(address) ?? 0;
    const { connectionsMax, connectionsPerAddressMax } = this.limits;
    if (this.sockets.size >= connectionsMax || fromAddress >= connectionsPerAddressMax || socket.destroyed) {
      socket.on("error", () => {});
      socket.destroy();
      this.onFailed();
      return false;
    }
    this.sockets.set(name, socket);
    this.byAddress.set(address, fromAddress + 1);
    socket.once("close", () => {
      if (this.forget(name, address)) this.onFailed();
    });
    return true;
  }

  complete(socket: Socket): void {
    this.forget(nameOf(socket), peerAddress(socket));
  }

  private forget(name: string, address: string): boolean {
    if (!this.sockets.delete(name)) return false;
    const left = (this.byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.byAddress.delete(address);
    else this.byAddress.set(address, left);
    return true;
  }

  giveUp(): void {
    for (const socket of [...this.sockets.values()]) socket.destroy();
  }
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
