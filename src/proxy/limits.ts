// Every bound of the data plane in one place, with its default and its reason.

export interface ProxyLimits {
  /** Whole request head, request line included, in bytes; more → 431 (414 when the target alone is longer). */
  readonly headBytesMax: number;
  /** Number of header fields; more → 431. */
  readonly headerCountMax: number;
  /** From a request's first byte (or the connection's start) to the end of its head; later → 408. */
  readonly headDeadlineMs: number;
}

/** Checklist 10–12 of a front door that can be trusted; see docs/threat-model.md. */
export const defaultLimits: ProxyLimits = {
  headBytesMax: 16 * 1024,
  headerCountMax: 100,
  headDeadlineMs: 10_000,
};
