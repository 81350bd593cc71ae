// Every bound of the data plane in one place, with its default and its reason. What one client can make us hold
// follows from here: at most headBytesMax while it sends a head, then bufferedBytesMax in each direction. A large
// answer is read into one buffer of 256 KB, and not read further before the client has taken all that is in it.

export interface ProxyLimits {
  /** Whole request head, request line included, in bytes; more → 431 (414 when the request line alone is longer). */
  readonly headBytesMax: number;
  /** Number of header fields; more → 431. */
  readonly headerCountMax: number;
  /** From a request's first byte (or the connection's start) to the end of its head; later → 408. */
  readonly headDeadlineMs: number;
  /** Between two requests of a kept connection; later it is closed without a word. */
  readonly keepAliveIdleMs: number;
  /** Without a byte of a request body that is owed; later → 408. */
  readonly requestIdleMs: number;
  /** Size of a request body; more → 413. Bodies are streamed, never held whole. */
  readonly requestBytesMax: number;
  /** From the request's last byte sent to the first byte of the answer; later → 504. */
  readonly responseDeadlineMs: number;
  /** Without a byte of an answer that has begun; later the client's connection is aborted. */
  readonly responseIdleMs: number;
  /**
   * Without the client taking a byte of what waits for it, or the upstream of what waits for it in a tunnel that is
   * otherwise silent; later the client's connection is aborted.
   */
  readonly sendIdleMs: number;
  /** Without a byte in either direction of a tunnel (WebSocket). */
  readonly tunnelIdleMs: number;
  /** To connect to an upstream; waiting for a place has a deadline of its own ({@link UpstreamLimits}). */
  readonly connectDeadlineMs: number;
  /** Head of an answer in bytes, and its header count; more → 502. */
  readonly answerHeadBytesMax: number;
  readonly answerHeaderCountMax: number;
  /** An answer with a Content-Length up to this is held until complete, so that it can be asked for again. */
  readonly heldAnswerBytesMax: number;
  /** What is kept of a request body for a re-dispatch; a longer body is sent at most once. */
  readonly replayBytesMax: number;
  /** Held for a slow reader, each direction of each exchange. */
  readonly bufferedBytesMax: number;
  /** Downstream connections in all, and from one peer address; more → 503 and closed. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Requests on one downstream connection; the last one is answered with `Connection: close`. */
  readonly requestsPerConnectionMax: number;
  /** TLS: from a connection's start to the end of its handshake; later it is closed. */
  readonly handshakeDeadlineMs: number;
  /** HTTP/2: streams at the same time on one connection; more are refused. */
  readonly streamsMax: number;
  /**
   * HTTP/2: streams that the client resets before their answer is complete, malformed requests, pings and changed
   * settings on one connection, at once and in ten seconds; more and the connection is closed.
   */
  readonly wastedStreamsMax: number;
}

/** Points 10 to 12 of what a front door must do to be trusted: caps, a deadline for the whole head, bounded buffers. */
export const defaultLimits: ProxyLimits = {
  headBytesMax: 16 * 1024, // the largest cookies that browsers send fit twice
  headerCountMax: 100, // browsers send 15 to 30
  headDeadlineMs: 10_000, // a head is one to three packets; ten seconds is a lost packet or three
  keepAliveIdleMs: 75_000, // browsers give up at 60 to 115 s; longer only costs memory
  requestIdleMs: 60_000, // a phone that changes its cell
  requestBytesMax: Number.POSITIVE_INFINITY, // nothing is held, so nothing needs to be forbidden
  responseDeadlineMs: 60_000, // what nginx and many platforms use
  responseIdleMs: 300_000, // event streams are often silent for minutes
  sendIdleMs: 60_000, // a reader that takes nothing for a minute is gone
  tunnelIdleMs: 3_600_000, // WebSockets are meant to be quiet
  connectDeadlineMs: 3_000, // one lost SYN (1 s) and its repetition
  answerHeadBytesMax: 32 * 1024, // twice a request's: content security policies are long
  answerHeaderCountMax: 200,
  heldAnswerBytesMax: 16 * 1024,
  replayBytesMax: 64 * 1024,
  bufferedBytesMax: 256 * 1024,
  connectionsMax: 20_000, // about 200 MB of idle connections
  connectionsPerAddressMax: 10_000, // one address never takes it all
  requestsPerConnectionMax: 100_000, // long-lived connections come back now and then, to be spread anew
  handshakeDeadlineMs: 10_000, // two round trips, and a lost packet or three
  streamsMax: 100, // the least that RFC 9113 section 6.5.2 recommends, and what browsers expect
  wastedStreamsMax: 300, // a map that is dragged cancels some dozens of tiles at a time
};

export interface UpstreamLimits {
  /**
   * Places at one upstream: exchanges and tunnels that have a connection to it. What comes beyond that waits for a
   * place. With upstream batching a connection is a place for up to four exchanges.
   */
  readonly connectionsMax: number;
  /** Exchanges that may wait for a place; more → 503 with Retry-After. */
  readonly waitingMax: number;
  /** For a place; later → 503 with Retry-After. */
  readonly waitMs: number;
  /** While no place is free it does not accept requests, so that new ones go to others as long as those have places. */
  readonly spills: boolean;
  /** An idle connection is closed after this, unless the upstream's `Keep-Alive: timeout` says less or more. */
  readonly idleMs: number;
  /** A request that must not run twice uses only a connection that was idle for less than this. */
  readonly freshMs: number;
  /** Of requests that share a connection: the first whose answer takes longer than this is waited for by nobody else. */
  readonly sharedAnswerMs: number;
}

export const defaultUpstreamLimits: UpstreamLimits = {
  connectionsMax: 4096,
  waitingMax: 1024, // who comes behind that many would mostly wait in vain
  waitMs: 3_000,
  spills: false, // a key stays with its owner
  idleMs: 4_000, // Node closes at 5 s, and closing first is the only way not to race with it
  freshMs: 250, // well below any server's idle limit
  sharedAnswerMs: 5, // what is quick enough to be shared answers in less than two
};
