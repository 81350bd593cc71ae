// One look at one server: does it answer? Resolves always, never throws, and never takes longer than it is given.
import { request } from "node:http";
import { connect } from "node:net";
import type { Address } from "./launcher.ts";

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

/** More of an answer's body is not read: the server has shown that it works. In bytes. */
const bodyBytesMax = 64 * 1024;
const headBytesMax = 16 * 1024;

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
    const look = options.kind === "http" ? lookByHttp : lookByTcp;
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

/** A complete answer counts: a server that sends a head and then stalls does not work. */
const lookByHttp: Look = (address, options, pass, fail) => {
  const { host, port } = address;
  const headers = { "user-agent": "roundhouse-heartbeat", connection: "close" };
  const asked = request({
    host,
    port,
    path: options.path,
    headers,
    agent: false,
    maxHeaderSize: headBytesMax,
  });
  asked
    .on("error", (error) => fail(inWords(error)))
    .on("close", () => fail("closed before a complete answer"));
  asked.on("response", (answer) => {
    const status = answer.statusCode ?? 0;
    const accepted = options.expect === "200" ? status === 200 : status < 500;
    if (!accepted) return fail(`answered ${status}`);
    let bodyBytes = 0;
    answer.on("data", (chunk: Buffer) => {
      bodyBytes += chunk.length;
      if (bodyBytes > bodyBytesMax) pass();
    });
    answer.on("end", () => (answer.complete ? pass() : fail("cut off its answer")));
    answer.on("error", (error) => fail(inWords(error)));
  });
  asked.end();
  return () => void asked.destroy();
};

function inWords(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
      return "connection reset";
    default:
      return error.code?.startsWith("HPE_")
        ? `not an HTTP answer (${error.code})`
        : (error.code ?? error.message);
  }
}
