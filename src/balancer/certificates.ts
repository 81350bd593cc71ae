// Certificates and keys from their files, checked before anything uses them: each pair must be readable, belong
// together and hold a key that OpenSSL takes. What is done with them is proxy/tls/secure-front.ts.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { RoundhouseError } from "../errors.ts";
import type { CertificatePair } from "../proxy/tls/secure-front.ts";
import { namesOf } from "../proxy/tls/server-names.ts";
import type { Log } from "../telemetry/log.ts";

/** Files in PEM: the n-th certificate (its chain behind it) belongs to the n-th key. */
export interface CertificateFiles {
  readonly cert: readonly string[];
  readonly key: readonly string[];
}

export interface Certificate extends CertificatePair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly names: readonly string[];
  /** When it expires, in ms since the Unix epoch. */
  readonly untilMs: number;
}

/** For people: `GET /api/v1/tls`, and the answer to `POST /api/v1/tls/reload`. */
export interface TlsReport {
  readonly certificates: readonly {
    readonly file: string;
    readonly names: readonly string[];
    /** ISO 8601. */
    readonly until: string;
  }[];
}

/** A certificate that expires sooner is worth a warning. */
const soonMs = 14 * 86_400_000;

/** All of them, or BAD_CONFIG with the first that cannot be used, and why. */
export function loadCertificates({ cert, key }: CertificateFiles): Certificate[] {
  if (cert.length !== key.length || cert.length === 0) {
    throw wrong(
      `TLS needs as many keys as certificates, in the same order; there are ${cert.length} of --tls-cert and ${key.length} of --tls-key`,
    );
  }
  return cert.map((certFile, index) => loadPair(certFile, key[index] as string));
}

function loadPair(certFile: string, keyFile: string): Certificate {
  const cert = read(certFile);
  const key = read(keyFile);
  const parsed = attempt(`${certFile} is no certificate in PEM`, () => new X509Certificate(cert));
  const secret = attempt(`${keyFile} is no private key in PEM without a pass phrase`, () =>
    createPrivateKey(key),
  );
  if (!parsed.checkPrivateKey(secret)) {
    throw wrong(
      `The key ${keyFile} does not belong to the certificate ${certFile} (${parsed.subject.replaceAll("\n", ", ")}); give the pair that was issued together`,
    );
  }
  attempt(`OpenSSL does not take ${certFile} with ${keyFile}`, () => createSecureContext({ cert, key }));
  return { cert, key, certFile, keyFile, names: namesOf(cert), untilMs: Date.parse(parsed.validTo) };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw wrong(`Cannot read ${file} for TLS: ${(cause as Error).message}`, cause);
  }
}

function attempt<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw wrong(`${what}: ${(cause as Error).message}`, cause);
  }
}

function wrong(message: string, cause?: unknown): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", message, { source: "downstream", cause });
}

/** The certificates in use, and how to read their files again. */
export interface CertificateKeeper {
  report(): TlsReport;
  /** All files anew, or BAD_CONFIG and none of them: what is in use stays in use. */
  reload(): TlsReport;
}

/** @param use takes those that handshakes use from now on */
export function keepCertificates(
  initial: readonly Certificate[],
  use: (certificates: readonly Certificate[]) => void,
  log: Pick<Log, "info" | "warn">,
): CertificateKeeper {
  const files = { cert: initial.map(({ certFile }) => certFile), key: initial.map(({ keyFile }) => keyFile) };
  let current = initial;
  warnOfExpiry(current, log);
  return {
    report: () => tlsReport(current),
    reload: () => {
      const next = loadCertificates(files);
      use(next);
      current = next;
      log.info({ event: "certificates", files: files.cert }, "The certificates were read anew");
      warnOfExpiry(current, log);
      return tlsReport(current);
    },
  };
}

function warnOfExpiry(certificates: readonly Certificate[], log: Pick<Log, "warn">): void {
  for (const { certFile, untilMs } of certificates) {
    if (untilMs - Date.now() > soonMs) continue;
    const when = untilMs < Date.now() ? "has expired" : "expires soon";
    log.warn(
      { event: "certificate", file: certFile },
      `${certFile} ${when}: ${new Date(untilMs).toISOString()}`,
    );
  }
}

function tlsReport(certificates: readonly Certificate[]): TlsReport {
  return {
    certificates: certificates.map(({ certFile, names, untilMs }) => ({
      file: certFile,
      names,
      until: new Date(untilMs).toISOString(),
    })),
  };
}
