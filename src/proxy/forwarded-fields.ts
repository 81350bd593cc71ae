// The header section that a client connection sends again and again, and what becomes of it on its way to a replica: made
// once, so that a further request costs its request line, a comparison and its name. Only for plain GETs.
import { isPlainGet } from "../http/known-fields.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ProxyContext } from "./context.ts";
import { addedLines, anyId, copyOf, keptLines, noId, saneRequestId } from "./forwarded-request.ts";
import { requestIdLine } from "./header-policy.ts";
import type { ForwardedFields, Peer } from "./peer.ts";

/** The head to forward; `line` is the request line as received. */
export function forwardedKnown(
  line: string,
  known: ForwardedFields,
  peer: Peer,
  context: ProxyContext,
): string {
  const { policy } = context;
  const named = policy.requestId ? line + known.kept + requestIdLine() : line + known.kept;
  return named + addedLines(peer, known.host, 1, policy);
}

/**
 * Remembers the fields of a request that was parsed, if it is one that may be recalled. Not for trusted peers, whose
 * X-Forwarded-For is extended, and not what carries a name of its own. `text` is the whole head.
 */
export function rememberFields(
  text: string,
  head: RequestHead,
  peer: Peer,
  context: ProxyContext,
  sharesConnection: boolean,
): void {
  if (context.policy.traceparent !== "pass") return; // every head has a trace of its own
  if (!isPlainGet(head) || peer.trusted || !peer.fields.isDue(head.end - head.fieldsStart)) return;
  const line = head.fieldsStart - head.start;
  const section = Buffer.from(text.slice(line), "latin1");
  const others = context.lastFields;
  if (others !== null && section.equals(others.bytes)) {
    peer.fields.remember(others); // most clients of a benchmark, and of one kind, say the same
    return;
  }
  const { policy, tables } = context;
  const keptId = policy.requestId ? saneRequestId(text, head) : anyId;
  if (keptId >= 0) return;
  const host = copyOf(text.slice(head.hostStart - head.start, head.hostEnd - head.start));
  const kept = keptLines(text, "", host, head, tables.untrusted, policy.requestId ? noId : anyId);
  const known = {
    bytes: section,
    hostStart: head.hostStart - head.fieldsStart,
    hostEnd: head.hostEnd - head.fieldsStart,
    close: head.connection.close,
    text: section.toString("latin1"),
    kept: copyOf(kept.slice(line)),
    host,
    sharesConnection,
  };
  peer.fields.remember(known);
  context.lastFields = known;
}
