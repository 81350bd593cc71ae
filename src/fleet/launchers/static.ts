// Servers that somebody else runs: balanced and checked, never started or stopped.
import { RoundhouseError } from "../../errors.ts";
import type { Address, Launcher } from "../launcher.ts";
import { isWeight, weightsAccepted } from "../weight.ts";

export interface StaticUpstream {
  readonly address: Address;
  /** Share of the key space relative to the others; default 1. */
  readonly weight: number;
}

const form = /^(?:\[([^\]]+)\]|([^:@\s[\]]+)):(\d{1,5})(?:@(\d+(?:\.\d+)?))?$/;

/** Reads `host:port` or `host:port@weight`; an IPv6 address stands in brackets. Throws BAD_CONFIG. */
export function parseUpstream(text: string): StaticUpstream {
  const [, ipv6, name, portText, weightText = "1"] = form.exec(text) ?? [];
  const host = ipv6 ?? name;
  const port = Number(portText);
  const weight = Number(weightText);
  if (host !== undefined && port >= 1 && port <= 65_535 && isWeight(weight)) {
    return { address: { host, port }, weight };
  }
  throw new RoundhouseError(
    "BAD_CONFIG",
    `Upstream ${JSON.stringify(text.slice(0, 200))} is not understood: write host:port or host:port@weight, with a port from 1 to 65535 and as weight ${weightsAccepted}, such as 10.0.0.1:8080@2 or [::1]:8080`,
  );
}

/** Seat n is the n-th upstream, so that one that was removed and added again is the same server on the same seat. */
export function createStaticLauncher(upstreams: readonly StaticUpstream[]): Launcher {
  return {
    fixed: true,
    startCostMs: 0,
    capacity: upstreams.length,
    weightOf: (seat) => upstreams[seat - 1]?.weight ?? 1,
    start({ seat }, events) {
      const upstream = upstreams[seat - 1];
      const leave = (): void => void setImmediate(() => events.exited("is no longer balanced"));
      setImmediate(() => {
        if (upstream === undefined)
          events.exited(`has no upstream: ${upstreams.length} are given, this is seat ${seat}`);
        else events.launched(upstream.address, null);
      });
      return {
        stop: leave,
        kill: leave,
        confirm: () => Promise.resolve(true),
        rssBytes: () => Promise.resolve(null),
        cpuSeconds: () => Promise.resolve(null),
      };
    },
    close: () => Promise.resolve(),
  };
}
