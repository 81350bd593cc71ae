// From what the user configured to what the parts need: parsed, checked, with its defaults. What can be configured,
// with units and defaults, is config.ts.
import { hostname } from "node:os";
import { RoundhouseError } from "../errors.ts";
import type { Replica } from "../fleet/fleet.ts";
import { parseUpstream } from "../fleet/launchers/static.ts";
import type { UpstreamLimits } from "../proxy/limits.ts";
import type { ProxySettings } from "../proxy/proxy.ts";
import type { RetryPolicy } from "../proxy/retries.ts";
import type { RoutedRequest } from "../proxy/routing.ts";
import {
  createRing,
  type Key,
  type Member,
  type Ring,
  type RingOptions,
  ringCapacity,
} from "../ring/ring.ts";
import type { AccessLogSettings } from "./access-log.ts";
import type { AuthorizationPolicy } from "./authorization.ts";
import { type AutoscaleSettings, settleAutoscale } from "./autoscale-options.ts";
import { type Certificate, loadCertificates } from "./certificates.ts";
import type { Config } from "./config.ts";
import { stickyCookie } from "./cookie.ts";
import { type EjectionSettings, settleEjection } from "./ejection-options.ts";
import { parseNetworks } from "./networks.ts";
import { type PolicyName, settlePolicy, settleSlowStart } from "./policy-options.ts";
import { type QueueSettings, settleQueue } from "./queue-options.ts";
import { type KeyOption, parseKey, randomId } from "./routing-key.ts";

/** The configuration, as the config file and the command line give it; every field has a default. */
export type FrontDoorOptions = Config;

/** What the front door runs by. */
export interface FrontDoorSettings {
  readonly host: string;
  readonly port: number;
  /** Null: off. `port` null: the front port speaks TLS, and no other is opened. */
  readonly tls: { readonly port: number | null; readonly certificates: readonly Certificate[] } | null;
  /** Null: no admin listener. */
  readonly admin: { readonly host: string; readonly port: number } | null;
  readonly emptyRing: Ring;
  /** How many servers the ring holds. */
  readonly ringCapacity: number;
  readonly routingPolicy: PolicyName;
  /** See {@link Config.boundedLoad}; null: off. */
  readonly loadFactor: number | null;
  /** 0: off. */
  readonly slowStartMs: number;
  /** Null: off. */
  readonly ejection: EjectionSettings | null;
  /** Of each replica. */
  readonly upstreamLimits: Partial<UpstreamLimits>;
  readonly keyOf: (request: RoutedRequest) => Key;
  /** False where no key decides, or every request has a random one: then no key can be hot. */
  readonly keysRecur: boolean;
  /** The routing key for people. */
  readonly keyText: string;
  readonly labelOf: (replica: Replica) => string | undefined;
  /** Are `/rep`, `/add` and `/rm` served on the front port? */
  readonly control: boolean;
  readonly policy: AuthorizationPolicy;
  readonly proxy: ProxySettings;
  /** Processes that serve; 1: this one alone. */
  readonly workers: number;
  readonly drainMs: number;
  readonly lameDuckMs: number;
  /** Null: none is kept. */
  readonly accessLog: AccessLogSettings | null;
  /** Null: there is no queue. */
  readonly queue: QueueSettings | null;
  /** Null: the count changes only when somebody says so. */
  readonly autoscale: AutoscaleSettings | null;
}

/**
 * Throws BAD_CONFIG, in words, before anything has been opened or started.
 *
 * @param onKeyError the user's key function failed; see {@link parseKey}
 */
export function settleOptions(
  options: FrontDoorOptions,
  onKeyError: (error: unknown) => void,
): FrontDoorSettings {
  const host = options.host ?? "127.0.0.1";
  const trustedProxies = options.trustedProxies ?? [];
  const ring = settleRing(options);
  return {
    host,
    port: options.port ?? 5000,
    tls: settleTls(options),
    admin: adminAddress(options),
    ...ring,
    routingPolicy: settlePolicy(options),
    loadFactor: typeof options.boundedLoad === "number" ? options.boundedLoad : null,
    slowStartMs: settleSlowStart(options),
    ejection: settleEjection(options),
    upstreamLimits: upstreamLimits(options),
    keyOf: settleKey(options, onKeyError),
    keysRecur: (options.policy ?? "hash") === "hash" && keyText(options) !== "random",
    keyText: keyText(options),
    labelOf: options.upstreams === undefined ? () => undefined : labelOfAddress,
    control: options.control !== "off",
    policy: {
      allow: options.allow === undefined ? null : parseNetworks("allow", options.allow),
      token: options.token,
      // The machine's own name too: nobody else decides what it resolves to.
      names: [host, hostname()],
    },
    proxy: {
      limits: present(options.limits ?? {}),
      trustedProxies,
      headers: present(options.headers ?? {}),
      retries: retryPolicy(options),
      upstreamBatching: options.upstreamBatching ?? false,
    },
    workers: options.workers ?? 1,
    drainMs: options.drainMs ?? 10_000,
    lameDuckMs: options.lameDuckMs ?? 0,
    accessLog: accessLog(options),
    queue: settleQueue(options),
    autoscale: settleAutoscale(options, ring.ringCapacity),
  };
}

function retryPolicy({ retries = {} }: FrontDoorOptions): Partial<RetryPolicy> {
  const { on, ...rest } = retries;
  return present({ ...rest, on: on === undefined ? undefined : new Set(on) });
}

/** A key waits for its owner; where no key decides, nobody waits while somebody is free. */
function upstreamLimits(options: FrontDoorOptions): Partial<UpstreamLimits> {
  const { inFlightMax: connectionsMax, waitingMax, waitMs, whenFull } = options.breaker ?? {};
  const spills = (whenFull ?? (settlePolicy(options) === "hash" ? "wait" : "spill")) === "spill";
  return present({ connectionsMax, waitingMax, waitMs, spills });
}

function accessLog({ accessLog: wanted, trustedProxies = [] }: FrontDoorOptions): AccessLogSettings | null {
  if (wanted === undefined) return null;
  const { file, format = "json" } = wanted;
  return { file, format, trusted: parseNetworks("trustedProxies", trustedProxies) };
}

function settleTls({ tls }: FrontDoorOptions): FrontDoorSettings["tls"] {
  return tls === undefined ? null : { port: tls.port ?? null, certificates: loadCertificates(tls) };
}

function adminAddress({ admin = {} }: FrontDoorOptions): { host: string; port: number } | null {
  if (admin.port === "off") return null;
  return { host: admin.host ?? "127.0.0.1", port: admin.port ?? 5010 };
}

/** Servers that somebody else runs are hashed by `host:port`, so that `ketama` agrees with an nginx before them. */
function labelOfAddress({ address }: Replica): string | undefined {
  return address === null ? undefined : `${address.host}:${address.port}`;
}

function ringOptions(options: FrontDoorOptions): RingOptions {
  const { hash, slots, probing, requestHash, virtualNodeHash } = options;
  if (options.policy !== undefined && options.policy !== "hash") return { slots: 1 };
  return present({ placement: hash, slots, probing, requestHash, virtualNodeHash });
}

function settleRing(options: FrontDoorOptions): Pick<FrontDoorSettings, "emptyRing" | "ringCapacity"> {
  const { requestHash, virtualNodeHash } = options;
  const chosen = ringOptions(options);
  try {
    const ring = createRing(chosen);
    if (requestHash !== undefined || virtualNodeHash !== undefined) tryOut(ring, options);
    if (ring.placement !== "rendezvous") ring.with({ add: membersGiven(options) });
    return { emptyRing: ring, ringCapacity: ringCapacity(chosen) };
  } catch (cause) {
    throw new RoundhouseError("BAD_CONFIG", (cause as Error).message, { source: "downstream", cause });
  }
}

/** Not every placement can have all weights, or so many servers; `rendezvous` can, and is the slowest to try. */
function membersGiven({ upstreams = [], policy = "hash" }: FrontDoorOptions): Member[] {
  if (policy !== "hash") return [];
  return upstreams.map((text, index) => {
    const { address, weight } = parseUpstream(text);
    return { seat: index + 1, weight, label: `${address.host}:${address.port}` };
  });
}

/** Hash functions of the user's own are tried before anything starts, rather than at the first request. */
function tryOut(ring: Ring, { key = "random", stickyCookie: sticky }: FrontDoorOptions): void {
  const probe = ring.with({ add: [{ seat: 1 }, { seat: 2 }] });
  for (const sample of sampleKeys(key, sticky !== undefined)) probe.lookup(sample);
}

/** Of the kind that the hash will meet: request ids are numbers, what is read from a request is text. */
function sampleKeys(key: KeyOption, sticky: boolean): readonly Key[] {
  if (typeof key === "function") return [];
  return key === "random" && !sticky ? [100_000, 999_999] : ["/", "probe"];
}

/** Without the fields that are undefined. */
export function present<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Fields]?: NonNullable<Fields[Name]> };
}

function settleKey(
  options: FrontDoorOptions,
  onError: (error: unknown) => void,
): (request: RoutedRequest) => Key {
  const key: KeyOption = options.key ?? "random";
  const sticky = options.stickyCookie;
  if (sticky !== undefined) checkStickyCanBeIssued(key);
  return parseKey(key, {
    trusted: parseNetworks("trustedProxies", options.trustedProxies ?? []),
    otherwise: sticky === undefined ? randomId : stickyCookie(present(sticky)),
    onError,
  });
}

/** The cookie stands in for `random`; a key that every request has leaves no request to issue it to. */
function checkStickyCanBeIssued(key: KeyOption): void {
  const always = /(?:^|,)\s*(path|uri|ip)\s*(?:,|$)/.exec(typeof key === "string" ? key : "")?.[1];
  if (always === undefined) return;
  throw new RoundhouseError(
    "BAD_CONFIG",
    `With the routing key ${JSON.stringify(key)} the sticky cookie would never be issued, since every request has ${always}; leave out ${always}, or the cookie`,
    { source: "downstream" },
  );
}

function keyText({ key = "random", stickyCookie: sticky }: FrontDoorOptions): string {
  const text = typeof key === "string" ? key : "a function";
  return sticky === undefined ? text : `${text}, issued cookie ${sticky.name ?? "roundhouse"}`;
}
