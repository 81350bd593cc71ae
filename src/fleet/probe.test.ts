import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, test } from "node:test";
import { type ProbeOptions, type ProbeResult, probe } from "./probe.ts";
import { ProbeAnswer } from "./probe-answer.ts";

const open: { server: Server; sockets: Set<Socket> }[] = [];
afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/**
 * Probes a server that sends these bytes to every client; `keep`: and then keeps the connection open. `heard`: what is done
 * before, when the request has come.
 */
async function probeBytes(
  bytes: string | Buffer,
  options: Partial<ProbeOptions & { keep: boolean; heard: () => void }> = {},
): Promise<ProbeResult> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      options.heard?.();
      if (options.keep) socket.write(bytes);
      else socket.end(bytes);
    });
  });
  open.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const defaults: ProbeOptions = { kind: "http", path: "/heartbeat", expect: "below-500", timeoutMs: 60_000 };
  return probe({ host: "127.0.0.1", port }, { ...defaults, ...options });
}

const reasonOf = (result: ProbeResult): string => (result.alive ? "alive" : result.reason);

const empty200 = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

const answers: [string, string | Buffer, string, Partial<ProbeOptions & { keep: boolean }>?][] = [
  ["an empty 200", empty200, "alive", { keep: true }],
  ["a 404, from a foreign server", "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", "alive"],
  ["a chunked one", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "alive"],
  ["one that ends with the connection", "HTTP/1.0 200 OK\r\n\r\nhello", "alive"],
  ["a 302", "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n", "alive"],
  ["a 500", "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "answered 500"],
  ["a 503", "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "answered 503"],
  [
    "a 404 where 200 is asked",
    "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    "answered 404",
    { expect: "200" },
  ],
  ["a 204 where 200 is asked", "HTTP/1.1 204 No Content\r\n\r\n", "answered 204", { expect: "200" }],
  ["a body cut off", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", "closed before a complete answer"],
  [
    "a body that stalls",
    "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
    "no answer within 300 ms",
    { keep: true },
  ],
  ["a head that stalls", "HTTP/1.1 200 OK\r\n", "no answer within 300 ms", { keep: true }],
  ["no answer", "", "no answer within 300 ms", { keep: true }],
  ["a closed connection", "", "connection reset"],
  [
    "something else than HTTP",
    "SSH-2.0-OpenSSH_9.2\r\n",
    "not an HTTP answer (no HTTP/1.0 or HTTP/1.1 status line)",
  ],
  [
    "an endless head",
    `HTTP/1.1 200 OK\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
    "not an HTTP answer (a head longer than 16384 bytes)",
  ],
  [
    "an unasked upgrade",
    "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    "answered 101",
  ],
  [
    "an answer after interim ones",
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${empty200}`,
    "alive",
    { keep: true },
  ],
  [
    "interim answers without end",
    "HTTP/1.1 102 Processing\r\n\r\n".repeat(40),
    "not an HTTP answer (more than 32 interim answers)",
    { keep: true },
  ],
  [
    "a malformed chunk",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\n",
    'not an HTTP answer ("z" where a chunk size is due)',
    { keep: true },
  ],
  [
    "two lengths",
    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 1\r\n\r\n",
    "not an HTTP answer (more than one Content-Length; send one)",
  ],
  [
    "a big body, of which enough is read",
    Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n"), Buffer.alloc(200_000)]),
    "alive",
    { keep: true },
  ],
  ["anything that accepts, by tcp", "", "alive", { kind: "tcp" }],
];

for (const [what, bytes, expected, options] of answers) {
  test(`a probe of ${what}: ${expected}`, async () => {
    const timeoutMs = expected.startsWith("no answer") ? 300 : 60_000;
    assert.equal(reasonOf(await probeBytes(bytes, { timeoutMs, ...options })), expected);
  });
}

test("an answer that comes byte by byte is read all the same, whatever its framing", () => {
  for (const [what, bytes, expected, options] of answers) {
    if (options?.kind === "tcp" || expected.startsWith("no answer") || bytes.length > 20_000) continue;
    const outcomes: string[] = [];
    const accepts = (status: number): boolean => (options?.expect === "200" ? status === 200 : status < 500);
    const answer = new ProbeAnswer({
      accepts,
      pass: () => outcomes.push("alive"),
      fail: (reason) => outcomes.push(reason),
    });
    for (const byte of Buffer.from(bytes)) if (outcomes.length === 0) answer.take(Buffer.from([byte]), 1);
    if (outcomes.length === 0) answer.end();
    assert.deepEqual(outcomes, [expected], what);
  }
});

test("a closed port is told as such, by http and tcp; kind none never looks", async () => {
  const address = { host: "127.0.0.1", port: 1 };
  const options: ProbeOptions = { kind: "http", path: "/", expect: "200", timeoutMs: 1_000 };
  assert.equal(reasonOf(await probe(address, options)), "connection refused");
  assert.equal(reasonOf(await probe(address, { ...options, kind: "tcp" })), "connection refused");
  assert.equal(reasonOf(await probe(address, { ...options, kind: "none" })), "alive");
});

test("a time-out seen because our own event loop stood still does not count", async () => {
  const standStill = (): void => {
    for (const untilMs = performance.now() + 400; performance.now() < untilMs; );
  };
  const result = await probeBytes("", { keep: true, timeoutMs: 50, heard: standStill });
  assert.ok(!result.alive && result.ours);
});
