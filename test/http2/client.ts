// A well-behaved HTTP/2 client: Node's own, one call a request.
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>;
  readonly interims: readonly number[];
  readonly body: Buffer;
}

export async function dial(
  url: string,
  options: Parameters<typeof connect>[1] = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, options as object);
  session.on("error", () => {});
  await once(session, "connect");
  return session;
}

/** The whole answer; rejects with Node's error when the stream is reset. */
export async function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

export function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const interims: number[] = [];
    let head: Record<string, string | string[] | undefined> = {};
    let trailers: Record<string, string | string[] | undefined> = {};
    stream.on("headers", (each) => interims.push(each[":status"] ?? 0));
    stream.on("response", (each) => {
      head = each as typeof head;
    });
    stream.on("trailers", (each) => {
      trailers = each as typeof trailers;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => {
      if (stream.rstCode !== 0) reject(new Error(`reset with ${stream.rstCode}`));
      else if (head[":status"] === undefined) reject(new Error("closed without an answer"));
      else
        resolve({
          status: Number(head[":status"]),
          headers: head,
          trailers,
          interims,
          body: Buffer.concat(chunks),
        });
    });
  });
}
