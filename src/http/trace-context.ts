// The traceparent field of W3C Trace Context (https://www.w3.org/TR/trace-context/, section 3.2): which trace a request
// belongs to. Strict: what is malformed is no traceparent. Pure; tracestate is not looked into.

export interface Traceparent {
  /** 32 lower-case hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** 16 of them: the span that sent the request. */
  readonly parentId: string;
  /** The caller may have recorded its span. */
  readonly sampled: boolean;
}

const version00 = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** Of a later version only the beginning is known (section 3.2.4); ff is none. */
const laterVersion = /^(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Null: malformed, or not there. */
export function parseTraceparent(text: string | undefined): Traceparent | null {
  if (text === undefined) return null;
  const [, traceId, parentId, flags] = version00.exec(text) ?? laterVersion.exec(text) ?? [];
  if (traceId === undefined || parentId === undefined || flags === undefined) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return null;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** In version 00, in which all flags but `sampled` are 0. */
export function traceparentText({ traceId, parentId, sampled }: Traceparent): string {
  return `00-${traceId}-${parentId}-0${sampled ? 1 : 0}`;
}
