// The header section of a request that came before, recalled instead of parsed: the same bytes behind a plain GET mean
// the same again.
import { framing } from "./framing.ts";
import type { HeadMemory } from "./head-memory.ts";
import type { RequestHead } from "./request-head.ts";

/** Fields that may be recalled for a plain GET: they leave everything about it ordinary. Offsets count from theirs. */
export interface KnownFields {
  readonly bytes: Uint8Array;
  readonly hostStart: number;
  readonly hostEnd: number;
  readonly close: boolean;
}

/** What {@link KnownFields} can stand for. */
export function isPlainGet(head: RequestHead): boolean {
  return (
    head.method === "GET" &&
    head.lineIsOrdinary &&
    head.body.kind === framing.none &&
    !head.connection.upgrade &&
    !head.expectsContinue
  );
}

/** A plain GET in origin-form whose fields are known: what is left to be set is what its fields would have. */
export function recallFields(
  bytes: Buffer,
  end: number,
  headBytesMax: number,
  head: RequestHead,
  memory: HeadMemory<KnownFields>,
  known: KnownFields,
): boolean {
  const { fieldsStart, connection, body } = head;
  const headEnd = fieldsStart + known.bytes.length;
  if (head.method !== "GET" || !head.lineIsOrdinary || bytes[head.targetStart] !== 47) return false;
  if (headEnd - head.start > headBytesMax || !memory.recalls(bytes, fieldsStart, end)) return false;
  head.isKnown = true;
  head.end = headEnd;
  head.fields.count = 0;
  head.absoluteForm = false;
  head.targetLacksSlash = false;
  head.hostStart = fieldsStart + known.hostStart;
  head.hostEnd = fieldsStart + known.hostEnd;
  head.expectsContinue = false;
  head.upgradesToWebSocket = false;
  head.maxForwards = -1;
  connection.close = known.close;
  connection.keepAlive = false;
  connection.upgrade = false;
  body.kind = framing.none;
  body.length = -1;
  return true;
}
