// Bodies over HTTP/2, both ways, without and with TLS: whole whatever their sizes and pieces, and held by us in part only.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { ClientHttp2Session } from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { createProxy } from "../../src/proxy/proxy.ts";
import { createUpstream } from "../../src/proxy/upstream.ts";
import { startRawOrigin } from "../http/origin.ts";
import { withStand } from "../http/stand.ts";
import { until } from "../http/until.ts";
import { certificateFor, withoutOpenssl } from "../tls/certificates.ts";
import { answerOf, dial } from "./client.ts";
import { asking, frameType, headers, rawHttp2 } from "./raw-client.ts";

const sizes = [0, 1, 100, 4_096, 16_383, 16_385, 65_536, 200_000, 1_000_000, 10_000_000];

let seed = 4_711;
const random = (below: number) => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};
const hashOf = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** Sends a body back in pieces of other sizes, with a length or without, as the path says. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    response.setHeader("x-sha256", hashOf(body));
    if (request.url === "/sized") response.setHeader("content-length", body.length);
    let at = 0;
    const next = () => {
      if (at >= body.length) return response.end();
      const piece = body.subarray(at, at + 1 + random(body.length < 5_000 ? 500 : 300_000));
      at += piece.length;
      return response.write(piece, next);
    };
    next();
  });
}

async function thereAndBack(session: ClientHttp2Session, size: number): Promise<void> {
  const body = randomBytes(size);
  const length = random(2) === 0 ? { "content-length": String(size) } : {};
  const path = random(2) === 0 ? "/sized" : "/chunked";
  const stream = session.request({ ":method": "POST", ":path": path, ...length });
  const answer = answerOf(stream);
  for (let at = 0; at < size; ) {
    const piece = body.subarray(at, at + 1 + random(size < 5_000 ? 500 : 200_000));
    at += piece.length;
    if (!stream.write(piece)) await once(stream, "drain");
  }
  stream.end();
  const { status, body: got, headers: fields } = await answer;
  assert.equal(status, 200);
  assert.equal(fields["x-sha256"], hashOf(body), `${size} bytes there`);
  assert.ok(got.equals(body), `${size} bytes back`);
}

describe("bodies over HTTP/2", { skip: withoutOpenssl }, () => {
  const certificate = withoutOpenssl ? { cert: "", key: "" } : certificateFor("localhost");
  const servers: Server[] = [];
  const urls: Record<string, string> = {};
  let close = () => {};

  before(async () => {
    const origin = createServer(echo);
    const port = await listen(origin);
    const upstream = createUpstream({ name: "S1", address: { host: "127.0.0.1", port } });
    const routing = { pick: () => upstream, unavailable: () => ({ body: "", retryAfterS: 1 }) };
    const ignore = () => {};
    const observer = {
      upstreamFailed: ignore,
      upstreamSilent: ignore,
      upstreamAsked: ignore,
      upstreamAnswered: ignore,
    };
    const proxy = createProxy({ routing: () => routing, observer });
    const plain = createTcpServer({ noDelay: true, allowHalfOpen: true }, proxy.accept);
    const secure = createTlsServer({ ...certificate, ALPNProtocols: ["h2", "http/1.1"] }, proxy.accept);
    urls.http = `http://127.0.0.1:${await listen(plain)}`;
    urls.https = `https://127.0.0.1:${await listen(secure)}`;
    close = () => {
      void proxy.drain(0);
      upstream.destroy();
      for (const server of servers) server.close();
    };
  });
  after(() => close());

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  const session = (scheme: string) =>
    dial(urls[scheme] as string, { ca: certificate.cert, servername: "localhost" });

  for (const scheme of ["http", "https"]) {
    it(`${scheme}: 0 to 10,000,000 bytes there and back in random pieces`, async () => {
      const one = await session(scheme);
      for (const size of sizes) await thereAndBack(one, size);
      one.destroy();
    });

    it(`${scheme}: as many large ones as there may be streams`, async () => {
      const one = await session(scheme);
      await Promise.all(Array.from({ length: 100 }, () => thereAndBack(one, 400_000)));
      one.destroy();
    });

    it(`${scheme}: many at a time on one connection`, async () => {
      const one = await session(scheme);
      await Promise.all(Array.from({ length: 40 }, () => thereAndBack(one, random(300_000))));
      one.destroy();
    });
  }
});

describe("what is held for a slow side over HTTP/2", () => {
  const heldMax = 256 * 1024;
  const dialled: Socket[] = [];
  const note = (message: unknown) => void dialled.push((message as { socket: Socket }).socket);
  before(() => subscribe("net.client.socket", note));
  after(() => unsubscribe("net.client.socket", note));

  /** Our socket to this port, which the origin listens on. */
  const socketTo = (port: number) => dialled.find(({ remotePort }) => remotePort === port) as Socket;

  const settled = async (what: string, value: () => number) => {
    let last = -1;
    let same = 0;
    await until(what, () => {
      const now = value();
      same = now === last ? same + 1 : 0;
      last = now;
      return same > 200;
    });
    return last;
  };

  it("a client that takes nothing: at most 256 KB, and the rest stays with the origin", async () => {
    const flood = Buffer.alloc(64 * 1024, 97);
    const origin = await startRawOrigin(({ socket }) => {
      const more = () => {
        while (!socket.destroyed && socket.write(flood));
      };
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        more();
      });
      socket.on("drain", more);
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await rawHttp2(stand.port);
      client.send(headers(1, asking()));
      const sent = () =>
        client.frames.reduce(
          (sum, { type, payload }) => sum + (type === frameType.data ? payload.length : 0),
          0,
        );
      await until("the stream's window to be used up", () => sent() === 65_535);
      const read = await settled("our reading to stop", () => socketTo(origin.address.port).bytesRead);
      assert.ok(read - sent() <= heldMax, `${read - sent()} bytes are held`);
      client.socket.destroy();
    });
  });

  it("an origin that takes nothing: what its socket takes, and at most 256 KB", async () => {
    const origin = await startRawOrigin(({ socket }) => void socket.pause());
    await withStand({ origins: [origin] }, async (stand) => {
      const session = await dial(`http://127.0.0.1:${stand.port}`);
      const stream = session.request({ ":method": "POST", ":path": "/" });
      stream.on("error", () => {});
      const piece = Buffer.alloc(64 * 1024, 97);
      let granted = 0;
      const more = (): void => {
        stream.write(piece, (error) => {
          if (error) return;
          granted += piece.length; // the window had room for it
          more();
        });
      };
      more();
      await until("the first of it", () => granted > 0);
      await settled("the client's sending to stop", () => granted);
      const upstream = socketTo(origin.address.port);
      const passedOn = upstream.bytesWritten - upstream.writableLength;
      assert.ok(granted - passedOn <= heldMax, `${granted - passedOn} bytes are held`);
      session.destroy();
    });
  });
});
