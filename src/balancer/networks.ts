// Lists of networks, as `--allow` and `trustedProxies` give them: `10.0.0.0/8`, `::1`.
import { BlockList, isIP } from "node:net";
import { RoundhouseError } from "../errors.ts";

/** Throws BAD_CONFIG that names the option and the value. */
export function parseNetworks(option: string, networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) addNetwork(list, option, network);
  return list;
}

function addNetwork(list: BlockList, option: string, network: string): void {
  const [address = "", prefix, ...rest] = network.split("/");
  const family = isIP(address);
  const bits = family === 6 ? 128 : 32;
  const length = prefix === undefined ? bits : Number(prefix);
  const digits = prefix === undefined || /^\d{1,3}$/.test(prefix);
  if (family === 0 || !digits || length > bits || rest.length > 0) {
    throw new RoundhouseError(
      "BAD_CONFIG",
      `${option} has ${JSON.stringify(network)}; an address or a network such as 10.0.0.0/8 or fd00::/8 is needed`,
    );
  }
  list.addSubnet(address, length, family === 6 ? "ipv6" : "ipv4");
}
