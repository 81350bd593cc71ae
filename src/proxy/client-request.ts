// One request as the client sent it and as the routing sees it; without its body, and without what becomes of it.
import { field } from "../http/fields.ts";
import { framing } from "../http/framing.ts";
import type { RequestHead } from "../http/request-head.ts";
import { parseRequestHead } from "../http/request-parser.ts";
import type { ProxyContext } from "./context.ts";
import { forwardedKnown, rememberFields } from "./forwarded-fields.ts";
import { forwardedRequestHead } from "./forwarded-request.ts";
import type { ForwardedFields, Peer } from "./peer.ts";
import type { RoutedRequest } from "./routing.ts";
import type { PooledUpstream } from "./upstream.ts";

export class ClientRequest implements RoutedRequest {
  method = "";
  target = "";
  setCookie: string | undefined;
  routingKey: string | number | undefined;
  atMostOnce = false;
  versionMinor = 1;
  /** The client would send another request on this connection. */
  keepAlive = true;
  /** It waits for 100 before it sends its body, and has not been told it. */
  expectsContinue = false;
  /**
   * Its head says so, and who has it now has not said 100: a server that gives a final answer instead may take the body
   * for its next request, whether that was sent or not (RFC 9110 section 10.1.1).
   */
  lacksContinue = false;
  private hasExpectation = false;
  /** It asks for a WebSocket. */
  upgrades = false;
  /** It has a body though its method expects none: there are servers that answer without a look at it. */
  hasOddBody = false;
  /** It may share an upstream connection with others. */
  sharesConnection = false;
  /** Its head as received, and as it is forwarded; latin1. */
  forwarded = "";
  /** The whole head, or its request line alone when its fields are {@link known}. */
  private text = "";
  private known: ForwardedFields | null = null;
  private readonly peer: Peer;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  take(bytes: Buffer, head: RequestHead): void {
    this.known = head.isKnown ? this.peer.fields.known : null;
    this.text = bytes.toString("latin1", head.start, head.isKnown ? head.fieldsStart : head.end);
    const target = this.text.slice(head.targetStart - head.start, head.targetEnd - head.start);
    this.method = head.method;
    this.target = head.targetLacksSlash ? rootedTarget(target, head.method) : target;
    this.setCookie = undefined;
    this.atMostOnce = false;
    this.versionMinor = head.versionMinor;
    this.keepAlive = head.versionMinor === 1 ? !head.connection.close : head.connection.keepAlive;
    this.expectsContinue = head.expectsContinue;
    this.hasExpectation = head.expectsContinue;
    this.upgrades = head.upgradesToWebSocket && head.body.kind === framing.none;
    head.upgradesToWebSocket = this.upgrades;
    this.hasOddBody = head.body.kind !== framing.none && expectsNoBody(head.method);
  }

  /** Another upstream gets it: what the last one said of its body is not that one's word. */
  sentAnew(): void {
    this.lacksContinue = this.hasExpectation;
  }

  /** Who has it now has said 100: whether the client still waits to be told. */
  isToldToContinue(): boolean {
    const waits = this.expectsContinue;
    this.expectsContinue = false;
    this.lacksContinue = false;
    return waits;
  }

  /** Makes the head that goes to this upstream, while `head` is still what was parsed from `bytes`. */
  forwardTo(upstream: PooledUpstream, bytes: Buffer, head: RequestHead, context: ProxyContext): void {
    const { known, peer } = this;
    const toReplica = upstream.kind === "replica" || upstream.kind === "room";
    if (known !== null && toReplica) {
      this.sharesConnection = context.upstreamBatching && known.sharesConnection;
      this.forwarded = forwardedKnown(this.text, known, peer, context);
      return;
    }
    if (known !== null) this.takeUnknown(bytes, head, context);
    const { policy, tables } = context;
    const mayShare = toReplica && mayShareConnection(head, this.text);
    this.sharesConnection = context.upstreamBatching && mayShare;
    this.forwarded = forwardedRequestHead(this.text, this.target, head, peer, upstream, policy, tables);
    if (toReplica) rememberFields(this.text, head, peer, context, mayShare);
  }

  /** For what is not a replica other fields are left out: the head is looked at after all. What was routed stays. */
  private takeUnknown(bytes: Buffer, head: RequestHead, context: ProxyContext): void {
    parseRequestHead(bytes, head.start, head.end, context.limits.headBytesMax, head);
    this.known = null;
    this.text = bytes.toString("latin1", head.start, head.end);
  }

  /** An idle connection holds nothing of its last request. */
  clear(): void {
    this.text = "";
    this.known = null;
    this.forwarded = "";
    this.target = "";
    this.routingKey = undefined;
  }

  /** A server that leaves the body unread takes it for its next request: its connection carries no other. */
  get mayStayUnread(): boolean {
    return this.lacksContinue || this.hasOddBody;
  }

  get httpVersion(): "1.0" | "1.1" | "2.0" {
    if (this.peer.version === 2) return "2.0";
    return this.versionMinor === 0 ? "1.0" : "1.1";
  }

  get peerAddress(): string {
    return this.peer.address;
  }

  get peerTrusted(): boolean {
    return this.peer.trusted;
  }

  /** See {@link RoutedRequest.header}. */
  header(name: string): string | undefined {
    return this.known === null ? fieldIn(this.text, name) : fieldIn(this.known.text, name, 0);
  }

  /** The same of its head as it is forwarded. */
  forwardedHeader(name: string): string | undefined {
    return this.forwarded === "" ? undefined : fieldIn(this.forwarded, name);
  }

  /** It may be sent twice (RFC 9110 section 9.2.2). */
  get isIdempotent(): boolean {
    if (this.atMostOnce) return false;
    switch (this.method) {
      case "GET":
      case "HEAD":
      case "OPTIONS":
      case "PUT":
      case "DELETE":
        return true;
      default:
        return false;
    }
  }
}

/** RFC 9110 sections 9.3.1 and 9.3.2: content has no meaning with them, and may be the attempt to smuggle a request. */
function expectsNoBody(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/** Only what changes nothing, is nobody's own, and is answered with an end: by its method, and by its fields. */
function mayShareConnection(head: RequestHead, text: string): boolean {
  if ((head.method !== "GET" && head.method !== "HEAD") || head.body.kind !== framing.none) return false;
  const { id, valueStart, valueEnd, count } = head.fields;
  for (let index = 0; index < count; index++) {
    const kind = id[index] as number;
    if (kind === field.other) continue;
    if (forbidsSharing[kind] === 1) return false;
    if (kind !== field.accept) continue;
    const start = (valueStart[index] as number) - head.start;
    if (/event-stream/i.test(text.slice(start, (valueEnd[index] as number) - head.start))) return false;
  }
  return true;
}

/** Indexed by a field's id; 1: a request with it shares no connection. */
const forbidsSharing = new Uint8Array(64);
for (const id of [
  field.cookie,
  field.authorization,
  field.proxyAuthorization,
  field.range,
  field.upgrade,
  field.expect,
  field.transferEncoding,
]) {
  forbidsSharing[id] = 1;
}

/** What an absolute-form target without a path stands for (RFC 9112 section 3.2.4: `*` with OPTIONS). */
function rootedTarget(target: string, method: string): string {
  return target === "" && method === "OPTIONS" ? "*" : `/${target}`;
}

/**
 * In a well-formed head whose fields begin at `from`; read only when asked, since most keys are in the target. Several
 * fields of one name are one list (RFC 9110 section 5.3), cookies one string (RFC 6265 section 5.4): whoever looked at the
 * first alone would believe an X-Forwarded-For that the client has made up.
 */
export function fieldIn(head: string, name: string, from = head.indexOf("\r\n") + 2): string | undefined {
  let found: string | undefined;
  let at = from;
  while (at < head.length - 2) {
    const end = head.indexOf("\r\n", at);
    if (head.charCodeAt(at + name.length) === 58 && startsIgnoringCase(head, at, name)) {
      const value = head.slice(at + name.length + 1, end).replace(/^[ \t]+|[ \t]+$/g, "");
      found = found === undefined ? value : `${found}${name === "cookie" ? "; " : ", "}${value}`;
    }
    at = end + 2;
  }
  return found;
}

function startsIgnoringCase(text: string, at: number, lowerCase: string): boolean {
  for (let i = 0; i < lowerCase.length; i++) {
    const code = text.charCodeAt(at + i);
    const lower = code >= 65 && code <= 90 ? code + 32 : code;
    if (lower !== lowerCase.charCodeAt(i)) return false;
  }
  return true;
}
