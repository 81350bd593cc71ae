// What our own small listeners (admin, control API) have in common: JSON answers in one shape, and bounded bodies.
// On node:http: a few exact paths do not need a framework, which would cost 11 MB of resident memory.
import type { IncomingMessage, ServerResponse } from "node:http";
import { RoundhouseError } from "../errors.ts";

/** A body larger than its listener takes; answered with 413. */
export class BodyTooLarge extends Error {
  constructor(bytesMax: number) {
    super(`The body is larger than ${bytesMax} bytes`);
  }
}

/** Reads on after the limit and throws away: a close with unread bytes would reset the answer on its way. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else reject(new BodyTooLarge(bytesMax));
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
  });
}

/** JSON as it is, without a charset: RFC 8259 §11 knows none, and strict clients compare the whole field. */
export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  json: string,
): void {
  send(request, response, status, "application/json", json);
}

export function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
): void {
  // What is left of the request's body, see readBody.
  request.resume();
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** The contract's shape of a failure: `{"message":"<Error> …","status":"failure"}`. */
export function sendFailure(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  message: string,
): void {
  sendJson(request, response, status, JSON.stringify({ message: `<Error> ${message}`, status: "failure" }));
}

/** The status that tells whose fault a failure is, and whether to try again. */
export function failureStatus(error: Error): number {
  if (error instanceof BodyTooLarge) return 413;
  if (!(error instanceof RoundhouseError)) return 500;
  switch (error.code) {
    case "TIMEOUT":
    case "START_FAILED":
      return 504;
    case "SHUTTING_DOWN":
    case "UNREACHABLE":
      return 503;
    default:
      return 400;
  }
}
