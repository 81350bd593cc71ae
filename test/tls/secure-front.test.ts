// TLS before the data plane, with real handshakes: which certificate, which protocol, resumption, what is refused, and
// what a client that never finishes costs.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { defaultLimits } from "../../src/proxy/limits.ts";
import { createSecureFront, type SecureFront } from "../../src/proxy/tls/secure-front.ts";
import { type Stand, startStand } from "../http/stand.ts";
import { until } from "../http/until.ts";
import { ask, dial } from "../http2/client.ts";
import { certificateFor, withoutOpenssl } from "./certificates.ts";

const none = { cert: "", key: "" };
const first = withoutOpenssl ? none : certificateFor("first.test", "localhost");
const second = withoutOpenssl ? none : certificateFor("second.test", "*.wild.test");
const ca = [first.cert, second.cert];

interface SecureStand {
  readonly port: number;
  readonly front: SecureFront;
  readonly stand: Stand;
  connect(options?: ConnectionOptions): Promise<TLSSocket>;
  close(): Promise<void>;
}

async function startSecureStand(limits: Partial<typeof defaultLimits> = {}): Promise<SecureStand> {
  const stand = await startStand({ limits });
  const front = createSecureFront({
    certificates: [first, second],
    limits: { ...defaultLimits, ...limits },
    accept: stand.proxy.accept,
  });
  const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, front.accept);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    front,
    stand,
    connect: async (options = {}) => {
      const socket = connect({ port, host: "127.0.0.1", ca, servername: "first.test", ...options });
      await once(socket, "secureConnect");
      return socket;
    },
    close: async () => {
      server.close();
      front.close();
      await stand.close();
    },
  };
}

describe("TLS", { skip: withoutOpenssl }, () => {
  let secure: SecureStand;
  beforeEach(async () => {
    secure = await startSecureStand();
  });
  afterEach(() => secure.close());

  const subjectFor = async (servername: string) => {
    const socket = await secure.connect({ servername, checkServerIdentity: () => undefined });
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  };

  it("the certificate is the one for the name; the first, where no name or an unknown one is asked for", async () => {
    assert.equal(await subjectFor("first.test"), "first.test");
    assert.equal(await subjectFor("localhost"), "first.test");
    assert.equal(await subjectFor("SECOND.test"), "second.test");
    assert.equal(await subjectFor("a.wild.test"), "second.test");
    assert.equal(await subjectFor("a.b.wild.test"), "first.test", "`*` stands for one label");
    assert.equal(await subjectFor("unknown.test"), "first.test");
    assert.equal(await subjectFor(""), "first.test");
  });

  it("ALPN: h2 if the client can, else http/1.1; neither is refused", async () => {
    for (const [offered, agreed] of [
      [["h2", "http/1.1"], "h2"],
      [["http/1.1", "h2"], "h2"],
      [["http/1.1"], "http/1.1"],
      [[], false],
    ] as const) {
      const socket = await secure.connect(offered.length === 0 ? {} : { ALPNProtocols: [...offered] });
      assert.equal(socket.alpnProtocol, agreed);
      socket.destroy();
    }
    await assert.rejects(secure.connect({ ALPNProtocols: ["spdy/3"] }));
  });

  it("TLS 1.3 and 1.2 with forward secrecy; nothing older or weaker", async () => {
    const modern = await secure.connect();
    assert.equal(modern.getProtocol(), "TLSv1.3");
    modern.destroy();
    const older = await secure.connect({ maxVersion: "TLSv1.2" });
    assert.match(older.getCipher().name, /^ECDHE-/);
    older.destroy();
    const ancient = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
    await assert.rejects(secure.connect(ancient));
    await assert.rejects(secure.connect({ maxVersion: "TLSv1.2", ciphers: "AES128-SHA:AES256-GCM-SHA384" }));
  });

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const servername of ["first.test", "second.test"]) {
      it(`a session is resumed by its ticket: ${version}, ${servername}`, async () => {
        const options = { servername, minVersion: version, maxVersion: version };
        const socket = connect({ port: secure.port, host: "127.0.0.1", ca, ...options });
        const [session] = (await once(socket, "session")) as [Buffer];
        socket.destroy();
        const before = secure.front.stats.resumed;
        const again = await secure.connect({ ...options, session });
        assert.equal(again.isSessionReused(), true);
        await until("it to be counted", () => secure.front.stats.resumed === before + 1);
        again.destroy();
      });
    }
  }

  it("a ticket outlives a reload of the certificates", async () => {
    const socket = connect({ port: secure.port, host: "127.0.0.1", ca, servername: "first.test" });
    const [session] = (await once(socket, "session")) as [Buffer];
    socket.destroy();
    secure.front.useCertificates([first, second]);
    const again = await secure.connect({ session });
    assert.equal(again.isSessionReused(), true);
    again.destroy();
  });

  it("a certificate that cannot be used changes nothing", async () => {
    assert.throws(() => secure.front.useCertificates([second, { cert: first.cert, key: second.key }]));
    assert.equal(await subjectFor("first.test"), "first.test");
    assert.equal(await subjectFor("second.test"), "second.test");
  });

  it("the replica learns that it was https, by HTTP/1.1 and by HTTP/2", async () => {
    const { origin } = secure.stand;
    origin.forget();
    const socket = await secure.connect();
    socket.write("GET / HTTP/1.1\r\nHost: first.test\r\n\r\n");
    await once(socket, "data");
    socket.destroy();
    const session = await dial(`https://127.0.0.1:${secure.port}`, { ca, servername: "first.test" });
    assert.equal((await ask(session, { ":path": "/", ":authority": "first.test" })).status, 200);
    session.destroy();
    const fields = origin.requests.map((request) => Object.fromEntries(request.fields));
    assert.deepEqual(
      fields.map((each) => each["x-forwarded-proto"]),
      ["https", "https"],
    );
    assert.deepEqual(
      fields.map(({ via }) => via),
      ["1.1 roundhouse", "2 roundhouse"],
    );
  });

  it("a client that half-closes after its request gets its answer", async () => {
    const socket = connect({
      port: secure.port,
      host: "127.0.0.1",
      ca,
      servername: "first.test",
    });
    socket.end("GET / HTTP/1.1\r\nHost: first.test\r\n\r\n");
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    await once(socket, "end");
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    socket.destroy();
  });

  it("what is no handshake is counted and closed, and crashes nothing", async () => {
    const { failed: before } = secure.front.stats;
    const garbage = [
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01\xff\xff",
      "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
      "\x80\x2e\x01\x00\x02",
      "",
    ];
    for (const bytes of garbage) {
      const socket = connectTcp(secure.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      await once(socket, "connect");
      socket.end(bytes, "latin1");
      await once(socket, "close");
    }
    await until(
      () => `all to be counted: ${secure.front.stats.failed - before}`,
      () => secure.front.stats.failed === before + garbage.length,
    );
    assert.equal(await subjectFor("first.test"), "first.test");
  });

  it("a client that breaks off in the midst of its handshake is counted once", async () => {
    const before = secure.front.stats.failed;
    const socket = connectTcp(secure.port, "127.0.0.1");
    await once(socket, "connect");
    socket.resetAndDestroy();
    await until("it to be counted", () => secure.front.stats.failed === before + 1);
  });
});

describe("TLS limits", { skip: withoutOpenssl }, () => {
  it("a handshake that is not complete by its deadline is closed", async () => {
    const secure = await startSecureStand({ handshakeDeadlineMs: 200 });
    const socket = connectTcp(secure.port, "127.0.0.1");
    socket.write("\x16\x03\x01\x02\x00", "latin1");
    await once(socket, "close");
    await until("it to be counted", () => secure.front.stats.failed === 1);
    await secure.close();
  });

  it("unfinished handshakes count against the connections of an address, finished ones do not stay", async () => {
    const secure = await startSecureStand({ connectionsPerAddressMax: 3 });
    const waiting = [1, 2, 3].map(() => connectTcp(secure.port, "127.0.0.1"));
    await Promise.all(waiting.map((socket) => once(socket, "connect")));
    const fourth = connectTcp(secure.port, "127.0.0.1");
    fourth.on("error", () => {});
    await once(fourth, "close");
    assert.equal(secure.front.stats.failed, 1);
    for (const socket of waiting) socket.destroy();
    await until("those to be gone", () => secure.front.stats.failed === 4);
    for (let round = 0; round < 10; round++) {
      const socket = await secure.connect();
      socket.destroy();
      await until("it to be forgotten", () => secure.stand.proxy.stats.connections === 0);
    }
    await secure.close();
  });
});

describe("new certificates under load", { skip: withoutOpenssl }, () => {
  it("no request and no handshake fails, and new connections see the new certificate", async () => {
    const secure = await startSecureStand();
    const renewed = certificateFor("first.test", "localhost");
    const trust = { ca: [...ca, renewed.cert], servername: "first.test" };
    let requests = 0;
    let handshakes = 0;
    let over = false;
    const client = async (reconnects: boolean) => {
      let session = await dial(`https://127.0.0.1:${secure.port}`, trust);
      while (!over) {
        const { status } = await ask(session, { ":path": "/", ":authority": "first.test" });
        assert.equal(status, 200);
        requests++;
        if (!reconnects) continue;
        session.close();
        session = await dial(`https://127.0.0.1:${secure.port}`, trust);
        handshakes++;
      }
      session.destroy();
    };
    const clients = [true, true, true, false, false, false].map(client);
    for (let round = 0; round < 20; round++) {
      secure.front.useCertificates([round % 2 === 0 ? renewed : first, second]);
      const [wasRequests, wasHandshakes] = [requests, handshakes];
      await until("more of both", () => requests > wasRequests + 10 && handshakes > wasHandshakes + 3);
    }
    secure.front.useCertificates([renewed, second]);
    over = true;
    await Promise.all(clients);
    assert.equal(secure.front.stats.failed, 0);
    const socket = await secure.connect(trust);
    assert.equal(socket.getPeerX509Certificate()?.toString().trim(), renewed.cert.trim());
    socket.destroy();
    await secure.close();
  });
});
