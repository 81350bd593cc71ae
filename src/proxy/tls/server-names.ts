// Which certificate answers for which name (RFC 6066 section 3, RFC 9525): those in its subjectAltName, `*` for one
// label. Pure but for reading the certificate.
import { X509Certificate } from "node:crypto";

/** The names of a certificate, in lower case; no addresses, since no client asks for one by SNI. */
export function namesOf(pem: string): string[] {
  const { subjectAltName = "" } = new X509Certificate(pem);
  return [...subjectAltName.matchAll(/DNS:([^,"\s]+)/g)].map(([, name = ""]) => name.toLowerCase());
}

/** Chooses by name: the first certificate that has it, else the first that has a `*` in its place, else the first. */
export function chooserOf<Context>(
  certificates: readonly { readonly cert: string; readonly context: Context }[],
): (name: string) => Context {
  const byName = new Map<string, Context>();
  for (const { cert, context } of certificates) {
    for (const name of namesOf(cert)) if (!byName.has(name)) byName.set(name, context);
  }
  const first = (certificates[0] as { readonly context: Context }).context;
  return (asked) => {
    const name = asked.toLowerCase();
    return byName.get(name) ?? byName.get(name.replace(/^[^.]+/, "*")) ?? first;
  };
}
