// Which Host headers a listener answers to. A page of another site can make a browser call us under a name of its
// own that resolves to 127.0.0.1 (DNS rebinding); the Host header then shows that name. An address cannot be rebound.
import { isIP } from "node:net";

/** The name or address in a Host header, lower-case, without port and brackets; null when it is malformed. */
export function hostName(header: string | undefined): string | null {
  if (header === undefined) return null;
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header);
  if (match === null) return null;
  return (match[1] ?? match[2] ?? "").toLowerCase();
}

/**
 * True when the Host header names us: any IP address, `localhost` (and names below it, RFC 6761 §6.3), or one of
 * the `names` that were configured.
 */
export function hostIsOurs(header: string | undefined, names: readonly string[]): boolean {
  const name = hostName(header);
  if (name === null) return false;
  if (isIP(name) !== 0) return true;
  return name === "localhost" || name.endsWith(".localhost") || names.some((n) => n.toLowerCase() === name);
}
