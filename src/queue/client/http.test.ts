// The client's HTTP against servers that answer in scripted bytes: what a queue or a proxy before it may send, and may not.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { describe, it } from "node:test";
import { createHttpClient, type HttpClient } from "./http.ts";

interface Scripted {
  readonly origin: string;
  readonly http: HttpClient;
  /** Connections so far. */
  connections(): number;
  readonly requests: string[];
}

/** `answer`: what is done about the n-th request, counted from 0. */
async function withServer(
  answer: (socket: Socket, request: number) => void,
  run: (scripted: Scripted) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      requests.push(text);
      text = "";
      answer(socket, requests.length - 1);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const http = createHttpClient("secret");
  try {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await run({ origin, http, connections: () => connections, requests });
  } finally {
    http.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const get = (path: string) => ({ method: "GET", path }) as const;
const code = (wanted: string) => (error: { code?: string; retryable?: boolean }) =>
  error.code === wanted && error.retryable === true;

/** Writes it in pieces of one byte, each in a segment of its own where the system lets it. */
async function writeSlowly(socket: Socket, text: string): Promise<void> {
  for (const byte of text) {
    socket.write(byte, "latin1");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("an answer", () => {
  const framed: Readonly<Record<string, string>> = {
    "with a length": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nNext-Offset: 7\r\n\r\nhello",
    "in chunks":
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nNext-Offset: 7\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    "after interim ones":
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nNEXT-OFFSET:  7 \r\n\r\nhello",
  };
  for (const [name, text] of Object.entries(framed)) {
    it(`${name} is read whole, at once and byte by byte, and its connection is kept`, () =>
      withServer(
        (socket, request) => void (request === 0 ? socket.write(text) : writeSlowly(socket, text)),
        async ({ http, origin, connections }) => {
          for (let i = 0; i < 3; i++) {
            const { status, body, header } = await http.ask(origin, get("/a"));
            assert.deepEqual([status, String(body), header("next-offset")], [200, "hello", "7"]);
          }
          assert.equal(connections(), 1);
        },
      ));
  }

  it("that ends with the connection, or says that it will end, costs its connection", () =>
    withServer(
      (socket, request) => {
        if (request === 0) socket.end("HTTP/1.1 200 OK\r\n\r\nall of it");
        else if (request === 1)
          socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        else socket.write("HTTP/1.1 204 No Content\r\n\r\n");
      },
      async ({ http, origin, connections }) => {
        assert.equal(String((await http.ask(origin, get("/"))).body), "all of it");
        assert.equal(String((await http.ask(origin, get("/"))).body), "ok");
        const { status, body } = await http.ask(origin, get("/"));
        assert.deepEqual([status, body.length, connections()], [204, 0, 3]);
      },
    ));

  it("that is cut short, malformed, or followed by more is a failure that may pass, or ends its connection", () =>
    withServer(
      (socket, request) => {
        if (request === 0) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        else if (request === 1) socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
        else if (request === 2) socket.write("SSH-2.0-OpenSSH_9.2\r\n");
        else if (request === 3) socket.destroy();
        else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
      },
      async ({ http, origin, connections }) => {
        for (let i = 0; i < 4; i++) await assert.rejects(http.ask(origin, get("/")), code("UNREACHABLE"));
        for (let i = 0; i < 2; i++) assert.equal(String((await http.ask(origin, get("/"))).body), "ok");
        assert.equal(connections(), 6);
      },
    ));
});

describe("a question", () => {
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  it("goes out with its fields, its length and the token", () =>
    withServer(
      (socket) => void socket.write(ok),
      async ({ http, origin, requests }) => {
        const headers = { "content-type": "text/plain" };
        await http.ask(origin, { method: "POST", path: "/ä b?c=d", headers, body: "grüße" });
        await http.ask(origin, { method: "POST", path: "/v1/producers" });
        const host = new URL(origin).host;
        const sent = Buffer.from("grüße").toString("latin1");
        assert.deepEqual(requests, [
          `POST /%C3%A4%20b?c=d HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer secret\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\n${sent}`,
          `POST /v1/producers HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer secret\r\ncontent-length: 0\r\n\r\n`,
        ]);
      },
    ));

  it("is given up after its time, by its signal, and when the client is closed; the next one has a connection of its own", () =>
    withServer(
      (socket, request) => void (request === 2 && socket.write(ok)),
      async ({ http, origin, connections, requests }) => {
        await assert.rejects(http.ask(origin, { ...get("/"), timeoutMs: 300 }), code("TIMEOUT"));
        const stop = new AbortController();
        const asked = http.ask(origin, { ...get("/"), signal: stop.signal });
        const refused = assert.rejects(asked, /enough/);
        while (requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
        stop.abort(new Error("enough"));
        await refused;
        assert.equal((await http.ask(origin, get("/"))).status, 200);
        assert.equal(connections(), 3);
        await assert.rejects(http.ask(origin, { ...get("/"), signal: stop.signal }), /enough/);
        const last = http.ask(origin, get("/"));
        while (requests.length < 4) await new Promise((resolve) => setImmediate(resolve));
        http.close();
        await assert.rejects(last, code("UNREACHABLE"));
      },
    ));

  it("to nobody, and to another scheme, says what to do", async () => {
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const http = createHttpClient();
    await assert.rejects(http.ask(`http://127.0.0.1:${port}`, get("/")), code("UNREACHABLE"));
    await assert.rejects(http.ask("https://127.0.0.1", get("/")), /only http: is spoken here/);
    assert.throws(() => createHttpClient("a\r\nb"), /Invalid character/);
  });

  it("that many ask at once has a connection each, which are used again", () =>
    withServer(
      (socket) => setImmediate(() => socket.write(ok)),
      async ({ http, origin, connections }) => {
        for (let round = 0; round < 3; round++)
          await Promise.all(Array.from({ length: 20 }, () => http.ask(origin, get("/"))));
        assert.equal(connections(), 20);
      },
    ));
});
