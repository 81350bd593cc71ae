// Reads a request's head: request line, fields, and what they mean together for a proxy. Strict: what two servers could
// read differently is refused with a status and words. Bytes in, offsets out; no sockets.
import { readConnectionOptions } from "./connection-options.ts";
import { equalsIgnoringCase, field, incomplete, parseFields, refused } from "./fields.ts";
import { readFraming } from "./framing.ts";
import type { HeadMemory } from "./head-memory.ts";
import { type KnownFields, recallFields } from "./known-fields.ts";
import { no, type RequestHead, refuse } from "./request-head.ts";
import { parseRequestLine } from "./request-line.ts";
import { isHost, readTarget } from "./request-target.ts";

/**
 * The offset after the head, {@link incomplete}, or {@link refused} with `head.status` and `head.problem`. `memory`:
 * the fields of earlier requests for which `isPlainGet` held.
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  headBytesMax: number,
  head: RequestHead,
  memory: HeadMemory<KnownFields> | null = null,
): number {
  head.method = "";
  head.isKnown = false;
  const lineEnd = parseRequestLine(bytes, start, end, head);
  if (lineEnd === refused) return refused;
  if (lineEnd === incomplete) {
    return end - start > headBytesMax ? refuse(head, 414, tooLong("request line", headBytesMax)) : incomplete;
  }
  head.fieldsStart = lineEnd;
  if (memory?.known && recallFields(bytes, end, headBytesMax, head, memory, memory.known)) return head.end;
  const headEnd = parseFields(bytes, lineEnd, end, head.fields);
  if (headEnd === refused) return refuse(head, head.fields.status, head.fields.problem);
  if ((headEnd === incomplete ? end : headEnd) - start > headBytesMax) {
    return lineEnd - start > headBytesMax
      ? refuse(head, 414, tooLong("request line", headBytesMax))
      : refuse(head, 431, tooLong("request's head", headBytesMax));
  }
  if (headEnd === incomplete) return incomplete;
  head.end = headEnd;
  return interpret(bytes, head) ? headEnd : refused;
}

function tooLong(what: string, bytesMax: number): string {
  return `the ${what} is longer than ${bytesMax} bytes`;
}

/** What the lines mean together. */
function interpret(bytes: Buffer, head: RequestHead): boolean {
  const { connection, body } = head;
  connection.close = false;
  connection.keepAlive = false;
  connection.upgrade = false;
  if (head.method === "CONNECT") return no(head, 405, "CONNECT is not offered here");
  if (!readTarget(bytes, head) || !readFields(bytes, head)) return false;
  if (!readFraming(bytes, head.fields, head.versionMinor, body)) return no(head, body.status, body.problem);
  return true;
}

function readFields(bytes: Buffer, head: RequestHead): boolean {
  const { fields } = head;
  let hosts = 0;
  let upgrade = -1;
  head.expectsContinue = false;
  head.maxForwards = -1;
  for (let index = 0; index < fields.count; index++) {
    const id = fields.id[index];
    if (id === field.other) continue;
    if (id === field.host) {
      if (++hosts > 1) return no(head, 400, "more than one Host");
      if (!readHost(bytes, head, index)) return false;
    } else if (id === field.expect) {
      if (!readExpect(bytes, head, index)) return false;
    } else if (id === field.upgrade) upgrade = index;
    else if (id === field.maxForwards) head.maxForwards = readMaxForwards(bytes, head, index);
  }
  if (hosts === 0 && head.versionMinor === 1) return no(head, 400, "no Host; HTTP/1.1 requires one");
  if (!readConnectionOptions(bytes, fields, head.connection)) {
    return no(head, 400, "Connection is not a list of at most 32 options");
  }
  head.upgradesToWebSocket = upgrade >= 0 && asksForWebSocket(bytes, head, upgrade);
  return true;
}

function readHost(bytes: Buffer, head: RequestHead, index: number): boolean {
  const start = head.fields.valueStart[index] as number;
  const end = head.fields.valueEnd[index] as number;
  if (!isHost(bytes, start, end)) return no(head, 400, "Host is not host or host:port");
  if (head.absoluteForm) return true;
  head.hostStart = start;
  head.hostEnd = end;
  return true;
}

// RFC 9110 section 10.1.1: the only expectation there is; an HTTP/1.0 client cannot have it.
function readExpect(bytes: Buffer, head: RequestHead, index: number): boolean {
  const start = head.fields.valueStart[index] as number;
  const end = head.fields.valueEnd[index] as number;
  if (!equalsIgnoringCase(bytes, start, end, "100-continue")) {
    return no(head, 417, "Expect knows only 100-continue");
  }
  head.expectsContinue = head.versionMinor === 1;
  return true;
}

function readMaxForwards(bytes: Buffer, head: RequestHead, index: number): number {
  if (head.method !== "OPTIONS") return -1;
  const text = bytes.toString("latin1", head.fields.valueStart[index], head.fields.valueEnd[index]);
  return /^\d{1,9}$/.test(text) ? Number(text) : -1;
}

function asksForWebSocket(bytes: Buffer, head: RequestHead, index: number): boolean {
  const start = head.fields.valueStart[index] as number;
  const end = head.fields.valueEnd[index] as number;
  return (
    head.connection.upgrade &&
    head.versionMinor === 1 &&
    head.method === "GET" &&
    equalsIgnoringCase(bytes, start, end, "websocket")
  );
}
