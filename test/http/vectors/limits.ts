// Bounds, upgrades and HTTP/1.0: where a request asks for more than it can have (RFC 6585 §5, RFC 9110 §7.8,
// RFC 9112 §9.3).
import {
  forwarded,
  forwardedThenClosed,
  get,
  head,
  oneOf,
  post,
  type RequestVector,
  refused,
  seen,
  seenGet,
  seenPost,
  smuggled,
  vector,
} from "./vector.ts";

const at = "Host: a.example";
const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const seenKey = key.replace("Sec-WebSocket-Key", "sec-websocket-key");

const upgrades: readonly RequestVector[] = [
  vector(
    "upgrade-websocket",
    "9110 §7.8 MUST",
    "a websocket request goes on; the upstream answers 200",
    get("Connection: Upgrade", "Upgrade: websocket", key),
    forwarded(seenGet(seenKey, "upgrade: websocket")),
  ),
  vector(
    "upgrade-websocket-case",
    "9110 §7.8 MUST",
    "in any case, beside keep-alive",
    get("Connection: keep-alive, upgrade", "Upgrade: WebSocket", key),
    forwarded(seenGet(seenKey, "upgrade: websocket")),
  ),
  vector(
    "upgrade-h2c",
    "9113 §3.1 ours",
    "h2c would let a client past us: dropped with its settings",
    get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    forwarded(seenGet()),
  ),
  vector(
    "upgrade-h2c-unnamed-settings",
    "9113 §3.1 ours",
    "settings that Connection does not name",
    get("Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    oneOf(forwarded(seenGet()), forwarded(seenGet("http2-settings: AAMAAABkAAQAAP__"))),
  ),
  vector(
    "upgrade-h2c-and-websocket",
    "9110 §7.8 ours",
    "of two tokens only websocket goes on, or none",
    get("Connection: Upgrade", "Upgrade: h2c, websocket", key),
    oneOf(forwarded(seenGet(seenKey, "upgrade: websocket")), forwarded(seenGet(seenKey))),
  ),
  vector(
    "upgrade-two-fields",
    "9110 §7.8 ours",
    "in two fields",
    get("Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket", key),
    oneOf(forwarded(seenGet(seenKey, "upgrade: websocket")), forwarded(seenGet(seenKey))),
  ),
  vector(
    "upgrade-tls",
    "9110 §7.8 ours",
    "TLS/1.0",
    get("Connection: Upgrade", "Upgrade: TLS/1.0"),
    forwarded(seenGet()),
  ),
  vector(
    "upgrade-unknown",
    "9110 §7.8 ours",
    "an unknown token",
    get("Connection: Upgrade", "Upgrade: totally-made-up/1.0"),
    forwarded(seenGet()),
  ),
  vector(
    "upgrade-no-connection",
    "9110 §7.8 MUST",
    "not named by Connection",
    get("Upgrade: websocket", key),
    forwarded(seenGet(seenKey)),
  ),
  vector(
    "upgrade-1.0",
    "9110 §7.8 MUST",
    "ignored in HTTP/1.0",
    head("GET /v HTTP/1.0", at, "Connection: Upgrade", "Upgrade: websocket", key),
    forwardedThenClosed(seenGet(seenKey)),
  ),
  vector(
    "upgrade-post",
    "6455 §4.1 MUST",
    "a websocket begins with GET",
    `${post("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5", key)}hello`,
    oneOf(forwarded(seenPost("hello", "length", seenKey)), refused(400)),
  ),
  vector(
    "upgrade-then-smuggled",
    "9110 §7.8 MUST",
    "bytes behind a refused upgrade are the next request",
    get("Connection: Upgrade", "Upgrade: websocket", key) + get(),
    oneOf(
      forwarded(seenGet(seenKey, "upgrade: websocket"), seenGet()),
      forwardedThenClosed(seenGet(seenKey, "upgrade: websocket")),
    ),
  ),
];

const http10: readonly RequestVector[] = [
  vector(
    "http10-keep-alive",
    "9112 §9.3 SHOULD",
    "asked to stay, the connection may",
    head("GET /v HTTP/1.0", at, "Connection: keep-alive").repeat(2),
    oneOf(forwarded(seenGet(), seenGet()), forwardedThenClosed(seenGet())),
  ),
  vector(
    "http10-body",
    "9112 §6.2 MUST",
    "a body by its length",
    `${head("POST /v HTTP/1.0", at, "Content-Length: 5")}hello`,
    forwardedThenClosed(seenPost("hello", "length")),
  ),
  vector(
    "http10-proxy-connection",
    "9112 §9.3 MUST",
    "Proxy-Connection keeps nothing alive",
    head("GET /v HTTP/1.0", at, "Proxy-Connection: keep-alive") + smuggled,
    forwardedThenClosed(seenGet()),
  ),
  vector(
    "http10-absolute",
    "9112 §3.2.2 MUST",
    "an absolute target",
    head("GET http://b.example/c HTTP/1.0"),
    oneOf(refused(400), forwardedThenClosed(seen("GET /c HTTP/1.1", { host: "b.example" }))),
  ),
];

const some = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-F${i}: v`);

const bounds: readonly RequestVector[] = [
  vector(
    "limit-99-fields",
    "9110 §5.4 ours",
    "100 fields with Host are allowed",
    get(...some(99)),
    forwarded(seenGet(...some(99).map((line) => line.toLowerCase()))),
  ),
  vector("limit-101-fields", "6585 §5 ours", "101 are not", get(...some(100)), refused(431)),
  vector("limit-10000-fields", "6585 §5 ours", "ten thousand", get(...some(10_000)), refused(431)),
  vector(
    "limit-value-12k",
    "9110 §5.4 ours",
    "a head of 12 KB",
    get(`X-A: ${"b".repeat(12_000)}`),
    forwarded(seenGet(`x-a: ${"b".repeat(12_000)}`)),
  ),
  vector(
    "limit-value-20k",
    "6585 §5 ours",
    "a value of 20 KB",
    get(`X-A: ${"b".repeat(20_000)}`),
    refused(431),
  ),
  vector(
    "limit-value-endless",
    "6585 §5 ours",
    "a value of a megabyte that goes on",
    `GET /v HTTP/1.1\r\n${at}\r\nX-A: ${"b".repeat(1_000_000)}`,
    refused(431),
  ),
  vector("limit-name-20k", "6585 §5 ours", "a name of 20 KB", get(`${"X".repeat(20_000)}: b`), refused(431)),
  vector(
    "limit-name-endless",
    "6585 §5 ours",
    "a name that goes on",
    `GET /v HTTP/1.1\r\n${at}\r\n${"X".repeat(1_000_000)}`,
    refused(431),
  ),
  vector(
    "limit-head-sum",
    "6585 §5 ours",
    "ninety fields of 200 bytes: the sum counts",
    get(...Array.from({ length: 90 }, (_, i) => `X-F${i}: ${"v".repeat(200)}`)),
    refused(431),
  ),
  vector(
    "limit-host-20k",
    "6585 §5 ours",
    "a host of 20 KB",
    head("GET /v HTTP/1.1", `Host: ${"a".repeat(20_000)}`),
    refused(400, 431),
  ),
  vector(
    "limit-connection-tokens",
    "9110 §7.6.1 ours",
    "a thousand names in Connection, answered promptly",
    get(`Connection: ${Array.from({ length: 1000 }, (_, i) => `x${i}`).join(",")}`, "X1: a", "X-B: c"),
    oneOf(forwarded(seenGet("x-b: c")), refused(400, 431)),
  ),
];

export const limits: readonly RequestVector[] = [...upgrades, ...http10, ...bounds];
