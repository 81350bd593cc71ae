// How replicas are checked.

export interface HeartbeatOptions {
  /** `http`: GET `path`; `tcp`: a connection is accepted; `none`: a server that runs is healthy. */
  readonly kind: "http" | "tcp" | "none";
  /** Origin-form path of the probe; default `/heartbeat`. */
  readonly path: string;
  /** Which HTTP answers mean alive: exactly 200 (the built-in server), or any complete one below 500. */
  readonly expect: "200" | "below-500";
  /** From the start of one probe to the start of the next; default 1000. */
  readonly intervalMs: number;
  /** A probe without a complete answer by then has failed; default 1000. */
  readonly timeoutMs: number;
  /** Failed probes in a row that take a healthy replica out of the ring; default 2. */
  readonly downAfter: number;
  /** Good probes in a row that bring a replica into the ring; default 1. */
  readonly upAfter: number;
}
