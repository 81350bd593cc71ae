// One look at one server: does it answer? Resolves always, never throws, and never takes longer than it is given.
import { connect } from "node:net";
import type { Address } from "./launcher.ts";
import { inWords, lookByHttp } from "./look-by-http.ts";

export type ProbeResult =
  | { readonly alive: true }
  /** `ours`: our own event loop lagged, so that this miss says nothing about the server. */
  | { readonly alive: false; readonly reason: string; readonly ours: boolean };

export interface ProbeOptions {
  /**
   * `http`: GET `path`; `tcp`: a connection is accepted (a stopped process passes: its kernel accepts);
   * `none`: a server that runs is healthy. Default `http`.
   */
  readonly kind: "http" | "tcp" | "none";
  /** Origin-form path of the probe; default `/heartbeat`. */
  readonly path: string;
  /** Which HTTP answers mean alive: exactly 200 (the built-in server), or any complete one below 500. Default the latter. */
  readonly expect: "200" | "below-500";
  /** A probe without a complete answer by then has failed; default 1000. */
  readonly timeoutMs: number;
}

/** Looks once. */
export type Probe = (address: Address, options: ProbeOptions) => Promise<ProbeResult>;

/** A time-out that fires this much too late was caused by ourselves. In ms. */
const lagMs = 100;

export function probe(address: Address, options: ProbeOptions): Promise<ProbeResult> {
  if (options.kind === "none") return Promise.resolve({ alive: true });
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const { timeoutMs } = options;
    let stopLooking: () => void = () => {};
    const finish = (result: ProbeResult): void => {
      clearTimeout(timer);
      resolve(result);
      stopLooking();
    };
    const fail = (reason: string): void => finish({ alive: false, reason, ours: false });
    const expire = (): void => {
      const ours = performance.now() - startedMs > timeoutMs + lagMs;
      // One more turn, so that an answer that already lies in the socket counts.
      setImmediate(finish, { alive: false, reason: `no answer within ${timeoutMs} ms`, ours });
    };
    const timer = setTimeout(expire, timeoutMs);
    stopLooking = look(address, options, () => finish({ alive: true }), fail);
  });
}

type Look = (
  address: Address,
  options: ProbeOptions,
  pass: () => void,
  fail: (why: string) => void,
) => () => void;

const lookByTcp: Look = (address, _options, pass, fail) => {
  const socket = connect(address);
  socket.on("connect", pass).on("error", (error) => fail(inWords(error)));
  return () => void socket.destroy();
};

const look: Look = (address, options, pass, fail) => {
  if (options.kind === "tcp") return lookByTcp(address, options, pass, fail);
  const accepts = options.expect === "200" ? is200 : isBelow500;
  return lookByHttp(address, { path: options.path, accepts, pass, fail });
};

const is200 = (status: number): boolean => status === 200;
const isBelow500 = (status: number): boolean => status < 500;
