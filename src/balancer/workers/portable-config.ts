// A configuration on its way to a worker, and each worker's share of what is bounded for all of them together.
import { defaultLimits, defaultUpstreamLimits } from "../../proxy/limits.ts";
import { heldMaxDefault } from "../autoscale-options.ts";
import type { Config } from "../config.ts";
import { loadConfigFile } from "../config-file.ts";
import type { PortableConfig } from "./messages.ts";

export function toPortable(config: Config, file: string | undefined): PortableConfig {
  const entries = Object.entries(config);
  const isFunction = ([, value]: [string, unknown]) => typeof value === "function";
  return {
    config: Object.fromEntries(entries.filter((entry) => !isFunction(entry))),
    functions: entries.filter(isFunction).map(([name]) => name as keyof Config),
    file,
  };
}

/** The text of the configuration's functions; the same text is taken for the same function. */
export function functionsOf(config: Config): string {
  return Object.values(config)
    .filter((value) => typeof value === "function")
    .join("\n");
}

/** With the functions of the config file, read again. Rejects with BAD_CONFIG. */
export async function fromPortable({ config, functions, file }: PortableConfig): Promise<Config> {
  if (functions.length === 0) return config;
  const loaded = await loadConfigFile(file, process.cwd());
  return { ...config, ...Object.fromEntries(functions.map((name) => [name, loaded.config[name]])) };
}

/** Connections and places are shared out, rounded up; what is a figure of one connection or request stays as it is. */
export function shareOf(config: Config, workers: number): Config {
  const share = (all: number) => Math.ceil(all / workers);
  const { limits = {}, breaker = {}, autoscale } = config;
  const { zero = {} } = autoscale ?? {};
  return {
    ...config,
    limits: {
      ...limits,
      connectionsMax: share(limits.connectionsMax ?? defaultLimits.connectionsMax),
      connectionsPerAddressMax: share(
        limits.connectionsPerAddressMax ?? defaultLimits.connectionsPerAddressMax,
      ),
    },
    breaker: {
      ...breaker,
      inFlightMax: share(breaker.inFlightMax ?? defaultUpstreamLimits.connectionsMax),
      waitingMax: share(breaker.waitingMax ?? defaultUpstreamLimits.waitingMax),
    },
    ...(autoscale === undefined
      ? {}
      : { autoscale: { ...autoscale, zero: { ...zero, heldMax: share(zero.heldMax ?? heldMaxDefault) } } }),
  };
}
