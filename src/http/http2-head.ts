// An HTTP/2 request's header list as the HTTP/1.1 head that says the same (RFC 9113 section 8), so that one strict
// parser judges both. What could change its meaning on that way is refused here, before anything is joined: a line end
// in a value, a colon in a name, a space in a path. Pure: no sockets.

/** The head, or why there is none. */
export type Http2Head = Http2Request | Http2Refusal;

export interface Http2Request {
  /** HTTP/1.1, latin1, with its blank line. */
  readonly text: string;
  /** Its body is to be read as chunks: it has no length, or trailers are announced. */
  readonly chunked: boolean;
}

export interface Http2Refusal {
  /** 0: the request is malformed (RFC 9113 section 8.1.1), which is an error of its stream. */
  readonly status: number;
  readonly problem: string;
}

const lowerToken = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const visible = /^[\x21-\x7e]+$/;
const breaksLines = /[\0\r\n]/;

/** RFC 9113 section 8.2.2: they belong to an HTTP/1.1 connection, and there is none. */
const ofConnections = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** The list while it is read. */
interface Draft {
  readonly pseudo: Map<string, string>;
  lines: string;
  host: string | undefined;
  cookie: string;
  contentLength: string | undefined;
  announcesTrailer: boolean;
}

/** @param list names and values in turn, as they came; `ends`: no body follows */
export function http2RequestHead(list: readonly string[], ends: boolean): Http2Head {
  const draft: Draft = {
    pseudo: new Map(),
    lines: "",
    host: undefined,
    cookie: "",
    contentLength: undefined,
    announcesTrailer: false,
  };
  for (let index = 0; index + 1 < list.length; index += 2) {
    const problem = takeField(draft, list[index] as string, list[index + 1] as string);
    if (problem !== null) return malformed(problem);
  }
  return written(draft, ends);
}

function malformed(problem: string): Http2Refusal {
  return { status: 0, problem };
}

/** Null, or what is wrong with it. */
function takeField(draft: Draft, name: string, value: string): string | null {
  if (breaksLines.test(value)) return "a line end or NUL in a field value";
  if (name.charCodeAt(0) === 58) return takePseudo(draft, name, value);
  if (!lowerToken.test(name)) return "a field name that is not a token in lower case";
  if (ofConnections.has(name)) return `${name}, which HTTP/2 does not have`;
  switch (name) {
    case "te":
      return value.toLowerCase() === "trailers" ? null : "te other than trailers";
    case "host":
      if (draft.host !== undefined) return "more than one host";
      draft.host = value;
      return null;
    case "cookie": // RFC 9113 section 8.2.3: sent in crumbs, so that they compress well
      draft.cookie += draft.cookie === "" ? value : `; ${value}`;
      return null;
    case "content-length":
      if (draft.contentLength !== undefined) return "more than one content-length";
      draft.contentLength = value;
      return null;
    case "trailer":
      draft.announcesTrailer = true;
      break;
  }
  draft.lines += `${name}: ${value}\r\n`;
  return null;
}

// RFC 9113 section 8.3: each once, before all other fields, and none but these.
function takePseudo(draft: Draft, name: string, value: string): string | null {
  const { pseudo } = draft;
  if (draft.lines !== "" || draft.cookie !== "" || draft.host !== undefined) return `${name} behind a field`;
  if (pseudo.has(name)) return `more than one ${name}`;
  if (name !== ":method" && name !== ":scheme" && name !== ":authority" && name !== ":path")
    return `the pseudo-header ${name}, which is not offered`;
  pseudo.set(name, value);
  return null;
}

function written(draft: Draft, ends: boolean): Http2Head {
  const { pseudo, contentLength } = draft;
  const method = pseudo.get(":method") ?? "";
  const path = pseudo.get(":path") ?? "";
  const scheme = pseudo.get(":scheme")?.toLowerCase();
  if (!token.test(method)) return malformed("no :method, or one that is no token");
  if (method === "CONNECT") return { status: 405, problem: "CONNECT is not offered here" };
  if (scheme !== "http" && scheme !== "https")
    return malformed("no :scheme, or one that is not http or https");
  if (!visible.test(path)) return malformed("no :path, or one with spaces, control or non-ASCII characters");
  if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS"))
    return malformed("a :path that does not begin with `/`");
  const host = hostOf(draft);
  if (host === null) return malformed(":authority and host differ");
  if (!visible.test(host)) return { status: 400, problem: "no :authority and no host, or one with spaces" };
  const chunked = !ends && (contentLength === undefined || draft.announcesTrailer);
  const length = chunked
    ? "transfer-encoding: chunked\r\n"
    : contentLength === undefined
      ? ""
      : `content-length: ${contentLength}\r\n`;
  const cookie = draft.cookie === "" ? "" : `cookie: ${draft.cookie}\r\n`;
  return {
    text: `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${draft.lines}${cookie}${length}\r\n`,
    chunked,
  };
}

/** RFC 9113 section 8.3.1: the authority stands for Host; a Host that says something else is refused. */
function hostOf({ pseudo, host }: Draft): string | null {
  const authority = pseudo.get(":authority");
  if (authority === undefined || authority === "") return host ?? "";
  if (host !== undefined && host.toLowerCase() !== authority.toLowerCase()) return null;
  return authority;
}

/** A trailer section as the lines that end a chunked body; null when it is malformed. */
export function http2Trailer(list: readonly string[]): string | null {
  let lines = "";
  for (let index = 0; index + 1 < list.length; index += 2) {
    const name = list[index] as string;
    const value = list[index + 1] as string;
    if (!lowerToken.test(name) || ofConnections.has(name) || breaksLines.test(value)) return null;
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}
