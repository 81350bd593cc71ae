// Which methods the reserved paths take, and the 405 for methods that Node's parser does not know (`FOO /rep`): it
// gives up before any route is found, so that answer is made from the raw bytes. The data plane has checked the head
// already; this never sees a client's own framing.
import { METHODS } from "node:http";
import type { Duplex } from "node:stream";

/** Methods by reserved path, as `Allow` lists them. */
export const allowedMethods: Readonly<Record<string, string>> = {
  "/rep": "GET, HEAD, OPTIONS",
  "/add": "POST, OPTIONS",
  "/rm": "DELETE, OPTIONS",
};

/** Answers on the bare socket, and closes it. */
export function answerUnknownMethod(
  error: Error & { code?: string; rawPacket?: unknown },
  socket: Duplex,
): void {
  if (!socket.writable) return;
  const packet = Buffer.isBuffer(error.rawPacket) ? error.rawPacket.toString("latin1") : "";
  const line = packet.split("\r\n", 1)[0] ?? "";
  const [method = "", target = ""] = line.split(" ");
  const allow = allowedMethods[target.split("?", 1)[0] ?? ""];
  const known = error.code === "HPE_INVALID_METHOD" && allow !== undefined && !METHODS.includes(method);
  const message = known
    ? `<Error> ${method} is not a method of ${target.split("?", 1)[0]}; use ${allow}`
    : "<Error> The request is not valid HTTP";
  const body = JSON.stringify({ message, status: "failure" });
  const head = [
    known ? "HTTP/1.1 405 Method Not Allowed" : "HTTP/1.1 400 Bad Request",
    ...(known ? [`Allow: ${allow}`] : []),
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
