// What there is to tell about an exchange when it is over: the seam between the data plane and an access log.
import type { ExchangeClock } from "./exchange-clock.ts";
import type { Peer } from "./peer.ts";
import type { RequestBody } from "./request-body.ts";
import type { RoutedRequest } from "./routing.ts";
import type { Upstream } from "./upstream.ts";

export type Ending =
  | "ok" // the replica's answer, whole
  | "tunnel" // 101: from now on it is a tunnel
  | "own" // an answer of the front door's own
  | "truncated" // the answer broke off, and the client's connection with it
  | "client-gone"; // the client did not wait for the end

export interface LoggedRequest extends Omit<RoutedRequest, "setCookie"> {
  /** Value of a field of the head as it was forwarded, by its lower-case name; undefined when it was not. */
  forwardedHeader(name: string): string | undefined;
}

/** A view, valid only during the call. */
export interface EndedExchange {
  readonly request: LoggedRequest;
  readonly httpVersion: "1.0" | "1.1" | "2.0";
  /** As the client saw it; 499 when it left before it saw one. */
  readonly status: number;
  readonly ending: Ending;
  /** Of an answer of our own: its body. */
  readonly ownBody: string;
  /** Of the bodies, without their framing. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** From the end of the request's head; of that, with the upstream named last. */
  readonly durationMs: number;
  readonly upstreamMs: number;
  /** The one that was asked last; null: nobody was. */
  readonly upstream: string | null;
  /** How many other upstreams had been asked before. */
  readonly retries: number;
}

export type AccessObserver = (ended: EndedExchange) => void;

/** What an exchange knows of itself. */
interface ExchangeParts {
  readonly request: LoggedRequest & Pick<EndedExchange, "httpVersion">;
  readonly body: Pick<RequestBody, "bytesRead">;
  readonly relay: { readonly bodyBytes: number };
  /** Who was asked last, and who had failed it before. */
  readonly attempts: { readonly latest: Upstream | null; readonly tried: readonly Upstream[] };
  readonly clock: Pick<ExchangeClock, "startedMs" | "attemptLastsMs">;
  readonly ending: Ending;
  readonly status: number;
  readonly ownBody: string;
}

export function endedExchange(parts: ExchangeParts, nowMs: number): EndedExchange {
  const { request, body, relay, attempts, clock, ending, status, ownBody } = parts;
  const { latest, tried } = attempts;
  const own = request.method === "HEAD" ? 0 : Buffer.byteLength(ownBody);
  return {
    request,
    httpVersion: request.httpVersion,
    status,
    ending,
    ownBody,
    bytesIn: body.bytesRead,
    bytesOut: ending === "own" || ending === "tunnel" || status === 499 ? own : relay.bodyBytes,
    durationMs: nowMs - clock.startedMs,
    upstreamMs: latest === null ? 0 : clock.attemptLastsMs(nowMs),
    upstream: latest?.name ?? null,
    retries: tried.filter((upstream) => upstream !== latest).length,
  };
}

/** A request that was refused as malformed, or never came whole: little is known of it. */
export function refusedExchange(
  { address: peerAddress, version }: Pick<Peer, "address" | "version">,
  method: string,
  status: number,
  ownBody: string,
): EndedExchange {
  const request = {
    method,
    target: "",
    header: () => undefined,
    forwardedHeader: () => undefined,
    peerAddress,
    peerTrusted: false,
    routingKey: undefined,
  };
  const times = { durationMs: 0, upstreamMs: 0 };
  const bytes = { bytesIn: 0, bytesOut: Buffer.byteLength(ownBody) };
  return {
    request,
    httpVersion: version === 2 ? "2.0" : "1.1",
    status,
    ending: "own",
    ownBody,
    ...bytes,
    ...times,
    upstream: null,
    retries: 0,
  };
}
