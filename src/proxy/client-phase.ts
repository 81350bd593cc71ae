// Where a client connection is in its life.

export const phase = {
  /** Between requests, or in the midst of a head. */
  ready: 0,
  exchange: 1,
  /** Answered, but the client has not taken it: the next request waits, or answers without a reader would pile up. */
  answered: 5,
  tunnel: 2,
  /** Our last word is said; what the client still sends is thrown away, so that it can read that word. */
  lingering: 3,
  closed: 4,
  /** It speaks HTTP/2: h2/connection.ts. */
  handedOver: 6,
} as const;
