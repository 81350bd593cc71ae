// Who is at the other end of a client's socket, and whether its word about earlier hops counts.
import { BlockList, isIPv6, type Socket } from "node:net";
import { RoundhouseError } from "../errors.ts";

/** The peer's address; an IPv4 one in its plain form on a dual-stack socket too. Empty on a Unix socket. */
export function peerAddress(socket: Socket): string {
  const address = socket.remoteAddress ?? "";
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** Tells whether an address lies in one of these networks (`10.0.0.0/8`, `::1`). */
export function trustOf(networks: readonly string[]): (address: string) => boolean {
  if (networks.length === 0) return () => false;
  const list = new BlockList();
  for (const network of networks) add(list, network);
  return (address) => address !== "" && list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

function add(list: BlockList, network: string): void {
  const [address, bits, ...rest] = network.split("/");
  const family = isIPv6(address ?? "") ? "ipv6" : "ipv4";
  try {
    if (rest.length > 0) throw new RangeError("more than one slash");
    if (bits === undefined) list.addAddress(address ?? "", family);
    else list.addSubnet(address ?? "", /^\d+$/.test(bits) ? Number(bits) : Number.NaN, family);
  } catch (cause) {
    throw new RoundhouseError(
      "BAD_CONFIG",
      `Cannot trust the proxies in "${network}": give an address or a network such as 10.0.0.0/8 or fd00::/8`,
      { cause },
    );
  }
}
