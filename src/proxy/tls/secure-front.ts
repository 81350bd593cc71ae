// TLS before the data plane: a bare connection goes in, and comes out as one that is encrypted and has agreed on a
// protocol (ALPN). Certificates are chosen by the name that the client asks for, and replaced by one assignment. It
// reads no files and knows no HTTP.
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, createServer, type SecureContext, type TLSSocket } from "node:tls";
import { type HandshakeLimits, Handshakes } from "./handshakes.ts";
import { chooserOf } from "./server-names.ts";

/** A certificate, its chain behind it, and its private key; PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface SecureFrontOptions {
  /** At least one; the first is for clients that ask for no name, or for an unknown one. */
  readonly certificates: readonly CertificatePair[];
  readonly limits: HandshakeLimits;
  /** Takes each connection whose handshake is complete. */
  readonly accept: (socket: TLSSocket) => void;
}

/** What the handshakes came to, since the start. */
export interface TlsStats {
  /** Complete, with the full exchange of keys. */
  full: number;
  /** Complete, by a ticket of an earlier connection. */
  resumed: number;
  /** Refused, broken off, malformed, too late, or too many at a time. */
  failed: number;
}

export interface SecureFront {
  /** Takes a connection that nothing has been read from. */
  accept(socket: Socket): void;
  /** For handshakes from now on. Throws when one of them cannot be used, and then nothing has changed. */
  useCertificates(certificates: readonly CertificatePair[]): void;
  readonly stats: TlsStats;
  /** Connections live on; handshakes under way are given up. */
  close(): void;
}

/**
 * Mozilla's "intermediate" profile, without the finite-field Diffie-Hellman that nobody needs any more: forward secrecy
 * and authenticated encryption only, so none that HTTP/2 forbids (RFC 9113 appendix A).
 */
const minVersion = "TLSv1.2";
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** How long a ticket is good for. */
const ticketS = 300;
/** Whoever steals the key of tickets can read TLS 1.2 connections that began with them: it lives for an hour. */
const ticketKeyMs = 3_600_000;

export function createSecureFront({ certificates, limits, accept }: SecureFrontOptions): SecureFront {
  const stats: TlsStats = { full: 0, resumed: 0, failed: 0 };
  const handshakes = new Handshakes(limits, () => {
    stats.failed++;
  });
  let choose = chooserOf(contextsOf(certificates));
  let ticketKeys = randomBytes(48);
  const server = createServer({
    ...(certificates[0] as CertificatePair),
    minVersion,
    ciphers,
    ticketKeys,
    sessionTimeout: ticketS,
    ALPNProtocols: ["h2", "http/1.1"],
    SNICallback: (name, done) => done(null, choose(name)),
    handshakeTimeout: limits.handshakeDeadlineMs,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    handshakes.complete(socket);
    if (socket.isSessionReused()) stats.resumed++;
    else stats.full++;
    accept(socket);
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());

  const rotation = setInterval(() => {
    ticketKeys = randomBytes(48);
    server.setTicketKeys(ticketKeys);
  }, ticketKeyMs);
  rotation.unref();

  return {
    stats,
    accept(socket) {
      socket.allowHalfOpen = false; // who leaves in the midst of a handshake is gone
      if (handshakes.begin(socket)) server.emit("connection", socket);
    },
    useCertificates(next) {
      const contexts = contextsOf(next);
      server.setSecureContext({
        ...(next[0] as CertificatePair),
        minVersion,
        ciphers,
        ticketKeys,
        sessionTimeout: ticketS,
      });
      choose = chooserOf(contexts);
    },
    close() {
      clearInterval(rotation);
      handshakes.giveUp();
    },
  };
}

function contextsOf(
  certificates: readonly CertificatePair[],
): (CertificatePair & { context: SecureContext })[] {
  return certificates.map((pair) => ({
    ...pair,
    context: createSecureContext({ ...pair, minVersion, ciphers }),
  }));
}
