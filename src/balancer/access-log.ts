// The access log: what the data plane tells of each request when it is over, as a line in a file. Made only when it is
// asked for; without it a request meets one comparison with null. What a line looks like is telemetry/access-line.ts.
import type { BlockList } from "node:net";
import { RoundhouseError } from "../errors.ts";
import { parseTraceparent } from "../http/trace-context.ts";
import type { AccessObserver, EndedExchange } from "../proxy/ended-exchange.ts";
import type { RoutedRequest } from "../proxy/routing.ts";
import type { Key } from "../ring/ring.ts";
import { type AccessFormat, type AccessRecord, accessLine } from "../telemetry/access-line.ts";
import { type LineFile, openLineFile } from "../telemetry/line-file.ts";
import type { Log } from "../telemetry/log.ts";
import { clientAddress } from "./client-address.ts";

export interface AccessLogSettings {
  /** A path, or `-` for standard output. */
  readonly file: string;
  readonly format: AccessFormat;
  /** Networks whose X-Forwarded-For is believed, or null for none. */
  readonly trusted: BlockList | null;
}

export interface AccessLog extends Pick<LineFile, "dropped" | "reopen" | "close"> {
  readonly note: AccessObserver;
}

/** Throws BAD_CONFIG, in words, when the file cannot be opened. */
export function openAccessLog(
  { file, format, trusted }: AccessLogSettings,
  slotOf: (key: Key) => number | null,
  log: Pick<Log, "error">,
): AccessLog {
  const lines = openFile(file, log);
  return {
    note: (ended) => lines.write(accessLine(recordOf(ended, trusted, slotOf), format)),
    get dropped() {
      return lines.dropped;
    },
    reopen: lines.reopen,
    close: lines.close,
  };
}

function openFile(path: string, log: Pick<Log, "error">): LineFile {
  try {
    return openLineFile({
      path,
      onError: ({ message }) =>
        log.error({ event: "access-log", path }, `The access log cannot be written: ${message}`),
    });
  } catch (cause) {
    throw new RoundhouseError(
      "BAD_CONFIG",
      `Cannot open the access log ${JSON.stringify(path)}: ${(cause as Error).message}; give a file that can be appended to, or - for standard output`,
      { source: "downstream", cause },
    );
  }
}

/** Remembers what each request was routed by. The key itself is never logged: it may be a session's cookie. */
export function notingKey(keyOf: (request: RoutedRequest) => Key): (request: RoutedRequest) => Key {
  return (request) => {
    const key = keyOf(request);
    request.routingKey = key;
    return key;
  };
}

function recordOf(
  ended: EndedExchange,
  trusted: BlockList | null,
  slotOf: (key: Key) => number | null,
): AccessRecord {
  const { request } = ended;
  const { method, target, routingKey } = request;
  const isForwarded = ended.upstream !== null;
  const trace = parseTraceparent(
    isForwarded ? request.forwardedHeader("traceparent") : request.header("traceparent"),
  );
  return {
    timeMs: Date.now(),
    client: clientAddress(request, trusted),
    method,
    target,
    http: ended.httpVersion,
    status: ended.status,
    bytesIn: ended.bytesIn,
    bytesOut: ended.bytesOut,
    durationMs: ended.durationMs,
    upstream: ended.upstream,
    upstreamMs: ended.upstreamMs,
    retries: ended.retries,
    slot: routingKey === undefined ? null : slotOf(routingKey),
    requestId: request.forwardedHeader("x-request-id") ?? "",
    traceId: trace?.traceId ?? "",
    spanId: trace?.parentId ?? "",
    userAgent: request.header("user-agent") ?? "",
    referer: request.header("referer") ?? "",
    ending: ended.ending,
    reason: ended.ownBody === "" ? "" : reasonIn(ended.ownBody),
  };
}

/** Most of our own answers are `{"message":"<Error> …"}`; another is told as it is. */
function reasonIn(body: string): string {
  const message = /"message":"(?:<Error> )?((?:[^"\\]|\\.)*)"/.exec(body)?.[1];
  return (message ?? body).replace(/\\"/g, '"');
}
