// What a service on the broker's listener gets and gives: a whole request in, an answer or the promise of one out.
// The connection around it (connection.ts) knows bytes, deadlines and limits; a service knows paths and meaning.

/** A request whose body has been read whole. Everything in it is valid as long as the request is. */
export interface WireRequest {
  readonly method: string;
  /** From the first `/` up to `?`, as it was sent: still percent-encoded. */
  readonly path: string;
  /** After `?`, as it was sent; empty when there is none. */
  readonly query: string;
  /**
   * Empty when there is none. The service may write into it: nobody else reads it. After an answer with status 200 its
   * memory is another body's: what the service keeps, it copies.
   */
  readonly body: Buffer;
  /** Value of the first field of this lower-case name. */
  header(name: string): string | undefined;
  /**
   * Aborts when waiting makes no more sense: the client is gone, or has closed its side, which looks the same until
   * it is written to. The answer is still sent.
   */
  signal(): AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Content-Type; not sent with an empty body. */
  readonly type: string;
  /** Text goes out as UTF-8. A buffer must not be changed until it is sent. */
  readonly body: string | Buffer;
  /** Further header lines in ASCII, each with its CR LF. Default: none. */
  readonly fields?: string;
  /** Nobody keeps the body: its memory is used again once it is sent. Default: false. */
  readonly isBodyReusable?: boolean;
}

export interface WireService {
  /** May answer at once. Must not throw; a promise must not reject. */
  serve(request: WireRequest): Answer | Promise<Answer>;
  /**
   * The answer to a request that never got to be served: malformed, too large, too slow, too many. `target` is its
   * path and query, or empty where even that is not known. The connection closes after it.
   */
  refuse(target: string, status: number, detail: string): Answer;
}

/** Every bound of a listener; what all clients together can make it hold follows from here. */
export interface WireLimits {
  /** Request head in bytes; more → 431 (414 when the request line alone is longer). */
  readonly headBytesMax: number;
  /** Number of header fields; more → 431. */
  readonly headerCountMax: number;
  /** From a request's first byte (or the connection's start) to the end of its head; later → 408. */
  readonly headDeadlineMs: number;
  /** Without a byte of a body that is owed; later → 408. */
  readonly bodyIdleMs: number;
  /** From the end of a head to the end of its body; later → 408. */
  readonly bodyDeadlineMs: number;
  /** One body; more → 413. */
  readonly bodyBytesMax: number;
  /** All bodies that are being read or served; more → 503 with Retry-After. */
  readonly bodiesBytesMax: number;
  /** Between two requests of a kept connection. */
  readonly keepAliveIdleMs: number;
  /** Without the client taking a byte of what waits for it. */
  readonly sendIdleMs: number;
  readonly connectionsMax: number;
}

export const defaultWireLimits: WireLimits = {
  headBytesMax: 16 * 1024,
  headerCountMax: 64,
  headDeadlineMs: 10_000,
  bodyIdleMs: 30_000,
  bodyDeadlineMs: 120_000,
  bodyBytesMax: 16 * 1024 * 1024, // a batch of 16 messages of the largest size, or of 100,000 small ones
  bodiesBytesMax: 256 * 1024 * 1024,
  keepAliveIdleMs: 75_000, // longer than a front door keeps its own idle connections, so that it closes first
  sendIdleMs: 60_000,
  connectionsMax: 10_000,
};
