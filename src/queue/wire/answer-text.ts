// An answer as bytes: the head by hand, since it is the same few lines each time.
import type { ClientOutput } from "../../proxy/client-output.ts";
import { clock } from "../../proxy/sweep.ts";
import { giveBack, takeBuffer } from "../reused-memory.ts";
import type { Answer } from "./service.ts";

/** Up to here copying is cheaper than a write of two pieces. */
const COPIED_BYTES_MAX = 32 * 1024;

const reasons: Record<number, string> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  417: "Expectation Failed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  507: "Insufficient Storage",
};

/** What the answer says about its connection. An HTTP/1.0 client has to be told that it is kept. */
export type ConnectionField = "" | "Connection: close\r\n" | "Connection: keep-alive\r\n";

/** Hands an answer to the client's output, to go out at the end of the turn. `headOnly`: the request was HEAD. */
export function putAnswer(
  out: ClientOutput,
  answer: Answer,
  connection: ConnectionField,
  headOnly: boolean,
): void {
  const { body } = answer;
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const head = headText(answer, length, connection);
  if (headOnly || length === 0) out.text(head);
  else if (typeof body === "string" && length === body.length && length <= COPIED_BYTES_MAX)
    out.text(head + body); // all of it is ASCII
  else {
    const bytes = typeof body === "string" ? encoded(body, length) : body;
    out.text(head);
    // A small body is copied behind its head: one piece costs the kernel less than two.
    if (bytes.length <= COPIED_BYTES_MAX) out.lent(bytes, 0, bytes.length);
    else out.bytes(bytes);
    // What the kernel did not take at once is left to the collector.
    if ((bytes !== body || answer.isBodyReusable === true) && !out.hasUnsent) giveBack(bytes);
  }
  out.flush();
}

/** `length` is that of its UTF-8, which is ASCII when the text is as long. */
function encoded(text: string, length: number): Buffer {
  const bytes = takeBuffer(length);
  bytes.write(text, length === text.length ? "latin1" : "utf8");
  return bytes;
}

function headText(answer: Answer, length: number, connection: ConnectionField): string {
  const { status, type, fields = "" } = answer;
  const content =
    status === 204
      ? ""
      : length === 0
        ? "Content-Length: 0\r\n"
        : `Content-Type: ${type}\r\nContent-Length: ${length}\r\n`;
  return (
    `HTTP/1.1 ${status} ${reasons[status] ?? "Status"}\r\nDate: ${clock.httpDate}\r\n${content}${fields}` +
    `${connection}\r\n`
  );
}
