// The head that goes to the upstream: the client's own bytes where nothing has to change, with this hop's fields
// left out and ours added. One string, since a small request is one write.
import { field } from "../http/fields.ts";
import { framing } from "../http/framing.ts";
import type { RequestHead } from "../http/request-head.ts";
import {
  type HeaderPolicy,
  isSaneRequestId,
  type LeftOut,
  type RequestTables,
  requestIdLine,
} from "./header-policy.ts";
import type { Peer } from "./peer.ts";
import { traceLines } from "./tracing.ts";
import { type PooledUpstream, peerHeader, peerProtoHeader } from "./upstream.ts";

/** `text` is the head as latin1, from `head.start`; `target` what follows the method. */
export function forwardedRequestHead(
  text: string,
  target: string,
  head: RequestHead,
  peer: Peer,
  upstream: PooledUpstream,
  policy: HeaderPolicy,
  tables: RequestTables,
): string {
  const control = upstream.kind === "control";
  const table = control ? tables.control : peer.trusted ? tables.trusted : tables.untrusted;
  const host = text.slice(head.hostStart - head.start, head.hostEnd - head.start);
  const keptId = policy.requestId ? saneRequestId(text, head) : anyId;
  let out = keptLines(text, target, host, head, table, keptId);
  if (keptId === noId) out += requestIdLine();
  if (head.maxForwards > 0) out += `Max-Forwards: ${head.maxForwards - 1}\r\n`;
  if (host === "") out += `Host: ${upstream.hostText}\r\n`;
  if (head.body.kind === framing.chunked) out += "Transfer-Encoding: chunked\r\n";
  else if (!head.body.isPlain && head.body.length >= 0) out += `Content-Length: ${head.body.length}\r\n`;
  if (head.upgradesToWebSocket) out += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  if (control) return `${out}${peerHeader}: ${peer.address}\r\n${peerProtoHeader}: ${peer.proto}\r\n\r\n`;
  if (policy.traceparent !== "pass") out += traceLines(text, head, policy.traceparent === "join");
  if (policy.xForwarded && peer.trusted) out += extendedXForwarded(text, head, peer, host);
  return out + addedLines(peer, host, head.versionMinor, policy);
}

/** What this hop adds at the end of a head, and the blank line. */
export function addedLines(peer: Peer, host: string, versionMinor: number, policy: HeaderPolicy): string {
  if (peer.addedHost !== host || peer.addedMinor !== versionMinor) nameHost(peer, host, versionMinor, policy);
  return peer.added;
}

/** Makes the end of the heads that name this host. Copies: slices would keep the whole head they were cut from. */
function nameHost(peer: Peer, host: string, versionMinor: number, policy: HeaderPolicy): void {
  const { address, proto } = peer;
  let added = "";
  if (policy.xForwarded && !peer.trusted)
    added = `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${proto}\r\n${forwardedHost(host)}`;
  if (policy.forwarded) added += forwardedField(peer, host);
  const version = peer.version === 2 ? "2" : `1.${versionMinor}`; // as received (RFC 9110 section 7.6.3)
  if (policy.via) added += `Via: ${version} roundhouse\r\n`;
  peer.addedMinor = versionMinor;
  peer.added = copyOf(`${added}\r\n`);
  peer.addedHost = copyOf(host);
}

/** An HTTP/1.0 client may name none. */
function forwardedHost(host: string): string {
  return host === "" ? "" : `X-Forwarded-Host: ${host}\r\n`;
}

/** Its characters alone, where a slice would keep all that it was cut from. */
export function copyOf(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("latin1");
}

/** Request line and fields that stay, in as few slices as there are gaps between them. */
export function keptLines(
  text: string,
  target: string,
  host: string,
  head: RequestHead,
  table: LeftOut,
  keptId: number,
): string {
  const { fields } = head;
  const { nameStart, id } = fields;
  const base = head.start;
  let out = "";
  let from = 0;
  if (!head.lineIsOrdinary) {
    out = `${head.method} ${target} HTTP/1.1\r\n`;
    from = head.fieldsStart - base;
    if (head.absoluteForm) out += `Host: ${host}\r\n`;
  }
  for (let index = 0; index < fields.count; index++) {
    const kind = id[index] as number;
    if (kind === field.other || index === keptId || !isLeftOut(kind, table, head, keptId)) continue;
    const lineStart = (nameStart[index] as number) - base;
    if (lineStart > from) out += text.slice(from, lineStart);
    from = lineEnd(head, index) - base;
  }
  return out + text.slice(from, head.end - 2 - base);
}

/** What stands for the index of a kept X-Request-Id: there is none, or whatever the client sends is kept. */
export const noId = -1;
export const anyId = -2;

/** Index of the first X-Request-Id that is fit for logs, or {@link noId}. */
export function saneRequestId(text: string, head: RequestHead): number {
  const { id, count } = head.fields;
  for (let index = 0; index < count; index++) {
    if (id[index] === field.xRequestId && isSaneRequestId(fieldValue(text, head, index))) return index;
  }
  return noId;
}

function isLeftOut(kind: number, table: LeftOut, head: RequestHead, keptId: number): boolean {
  if (table[kind] === 1) return true;
  if (kind === field.host) return head.absoluteForm;
  if (kind === field.maxForwards) return head.maxForwards >= 0;
  if (kind === field.expect) return !head.expectsContinue;
  if (kind === field.contentLength) return !head.body.isPlain; // written anew
  return kind === field.xRequestId && keptId !== anyId;
}

function lineEnd(head: RequestHead, index: number): number {
  return index + 1 < head.fields.count ? (head.fields.nameStart[index + 1] as number) : head.end - 2;
}

function fieldValue(text: string, head: RequestHead, index: number): string {
  const { valueStart, valueEnd } = head.fields;
  return text.slice((valueStart[index] as number) - head.start, (valueEnd[index] as number) - head.start);
}

/** A trusted peer's X-Forwarded-For with the peer at its end; its -Proto and -Host stay if it sent them. */
function extendedXForwarded(text: string, head: RequestHead, peer: Peer, host: string): string {
  const { id, count } = head.fields;
  let addresses = "";
  let hasProto = false;
  let hasHost = false;
  for (let index = 0; index < count; index++) {
    if (id[index] === field.xForwardedFor) addresses += `${fieldValue(text, head, index)}, `;
    else if (id[index] === field.xForwardedProto) hasProto = true;
    else if (id[index] === field.xForwardedHost) hasHost = true;
  }
  const proto = hasProto ? "" : `X-Forwarded-Proto: ${peer.proto}\r\n`;
  const hostLine = hasHost ? "" : forwardedHost(host);
  return `X-Forwarded-For: ${addresses}${peer.address}\r\n${proto}${hostLine}`;
}

// RFC 7239 section 4: an IPv6 address is quoted, in brackets; the host is quoted because of its port.
function forwardedField(peer: Peer, host: string): string {
  const address = peer.address.includes(":") ? `"[${peer.address}]"` : peer.address;
  return `Forwarded: for=${address};proto=${peer.proto}${host === "" ? "" : `;host="${host}"`}\r\n`;
}
