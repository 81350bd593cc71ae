// Who the client is: the socket's peer, or what a trusted proxy says in X-Forwarded-For.
import { type BlockList, isIP } from "node:net";
import type { RoutedRequest } from "../proxy/routing.ts";

/**
 * The client's address. With a trusted peer, X-Forwarded-For is read from the right, past the entries that are
 * trusted proxies themselves: everything left of the first untrusted one could have been made up by the client.
 */
export function clientAddress(
  request: Pick<RoutedRequest, "header" | "peerAddress" | "peerTrusted">,
  trusted: BlockList | null,
): string {
  const peer = plainAddress(request.peerAddress);
  if (!request.peerTrusted || trusted === null) return peer;
  const entries = request.header("x-forwarded-for")?.split(",") ?? [];
  let client = peer;
  for (const entry of entries.reverse()) {
    const address = entryAddress(entry.trim());
    if (address === null) break;
    client = address;
    if (!addressIsIn(trusted, address)) break;
  }
  return client;
}

/** An IPv4 address that came over an IPv6 socket is the same client: `::ffff:10.0.0.1` → `10.0.0.1`. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

export function addressIsIn(networks: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && networks.check(address, family === 6 ? "ipv6" : "ipv4");
}

/** An X-Forwarded-For entry, with or without a port: `10.0.0.1:81`, `[::1]:81`; null when it is no address. */
function entryAddress(entry: string): string | null {
  const match = /^\[([^\]]+)\](?::\d+)?$/.exec(entry) ?? /^([\d.]+)(?::\d+)?$/.exec(entry);
  const address = plainAddress(match?.[1] ?? entry);
  return isIP(address) === 0 ? null : address;
}
