// What goes over the wire: a request's text with its key filled in. Made once as far as it can be; a request with a key
// is then a few joined pieces.
import { RoundhouseError } from "../errors.ts";

export interface RequestShape {
  readonly host: string;
  /** Path and query; `{key}` stands for the key. */
  readonly target: string;
  /** `Name: value` each; `{key}` stands for the key. */
  readonly headers: readonly string[];
  /** With `{key}`; null: none. Sent with every method but GET and HEAD. */
  readonly body: string | null;
}

/** One method, and how often it comes. */
export interface MethodShare {
  readonly method: string;
  readonly share: number;
}

const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** `GET`, or several with weights: `GET:9,POST:1`. Throws BAD_CONFIG. */
export function parseMethods(text: string): readonly MethodShare[] {
  const shares = text.split(",").map((part) => {
    const [method = "", weight = "1", ...more] = part.trim().split(":");
    const share = Number(weight);
    if (tokenPattern.test(method) && weight !== "" && share > 0 && more.length === 0)
      return { method, share };
    throw refused(
      `The methods are "${text}"; accepted: a method, or several with weights such as GET:9,POST:1`,
    );
  });
  const total = shares.reduce((sum, { share }) => sum + share, 0);
  return shares.map(({ method, share }) => ({ method, share: share / total }));
}

/** Makes the texts of requests. Throws BAD_CONFIG when a header or the target cannot be sent. */
export function createRequestText(shape: RequestShape): (method: string, key: string) => string {
  check(shape);
  const host = shape.headers.some((line) => /^host:/i.test(line)) ? [] : [`Host: ${shape.host}`];
  const fields = [...host, ...shape.headers].map((line) => `${line}\r\n`).join("");
  const target = shape.target.split("{key}");
  const head = fields.split("{key}");
  const body = shape.body === null ? null : latin1(shape.body).split("{key}");
  return (method, key) => {
    const inTarget = encodeURIComponent(key);
    const start = `${method} ${target.join(inTarget)} HTTP/1.1\r\n${head.join(key)}`;
    if (body === null || method === "GET" || method === "HEAD") return `${start}\r\n`;
    const content = body.join(latin1(key));
    return `${start}Content-Length: ${content.length}\r\n\r\n${content}`;
  };
}

/** The UTF-8 bytes as one character each, which is how the text is written to the socket. */
function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function check({ target, headers }: RequestShape): void {
  if (!/^\/[\x21-\x7e]*$/.test(target)) {
    throw refused(
      `The target is "${target}"; accepted: a path that begins with "/", without spaces, such as /item/{key}`,
    );
  }
  for (const line of headers) {
    const [name = "", ...value] = line.split(":");
    const fine = tokenPattern.test(name) && value.length > 0 && /^[\t\x20-\x7e\x80-\xff]*$/.test(line);
    if (!fine) throw refused(`A header is ${JSON.stringify(line)}; accepted: Name: value, in one line`);
    if (/^(content-length|transfer-encoding)$/i.test(name)) {
      throw refused(`A header is ${JSON.stringify(line)}; it is set by the body, leave it out`);
    }
  }
}

function refused(message: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", message, { source: "downstream" });
}
