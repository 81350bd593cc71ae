// A request that is refused before it becomes an exchange (malformed, too large, TRACE, never complete): what its client
// is told, on HTTP/1.1 and HTTP/2 alike, and the access log with it.
import type { RequestHead } from "../http/request-head.ts";
import type { ProxyContext } from "./context.ts";
import { refusedExchange } from "./ended-exchange.ts";
import { type OwnReply, ownFailure } from "./own-failure.ts";
import type { Peer } from "./peer.ts";

const methodsOffered = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n";

/** `target` null: it could not be made out. */
export function refusal(
  { routing, accessLog }: Pick<ProxyContext, "routing" | "accessLog">,
  peer: Peer,
  code: number,
  problem: string,
  method: string,
  target: string | null,
): OwnReply {
  const fields = code === 405 || code === 204 ? methodsOffered : "";
  const { status, body, type } = ownFailure(routing(), target, code, problem);
  const told = status === 204 ? "" : body;
  accessLog?.(refusedExchange(peer, method, status, told));
  return { status, body: told, type, fields };
}

/** Enough to tell by its beginning whose a target is. */
const targetLookBytes = 256;

/** Of a head that is refused and begins at `from`, as far as it can be made out. */
export function refusedTarget(head: RequestHead, bytes: Buffer, from: number): string | null {
  if (head.status < 400) return null;
  const line = bytes.toString("latin1", from, Math.min(bytes.length, from + targetLookBytes));
  return /^[!-~]+ (?:https?:\/\/[^/ ]*)?([!-~]+)/i.exec(line)?.[1] ?? null;
}
