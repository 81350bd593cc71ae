// `roundhouse up` with certificates, as users meet it: curl and h2load from outside, the admin API, a reload under load.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { openDoor } from "../balancer/door.ts";
import { type RunningFrontDoor, run, up } from "../cli/roundhouse-process.ts";
import { ask, dial } from "../http2/client.ts";
import { certificateFor, withoutOpenssl } from "./certificates.ts";

const exec = promisify(execFile);

function withoutTool(name: string, ...words: string[]): string | false {
  if (spawnSync(name, words).status === 0) return false;
  if (process.env.CI === "true") throw new Error(`needs ${name}; add it to .ci/run`);
  return `skipped: needs ${name}`;
}
const withoutCurl = withoutTool("curl", "--version");
const withoutH2load = withoutTool("h2load", "--version");

describe("roundhouse up with TLS", { skip: withoutOpenssl }, () => {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  let door: RunningFrontDoor;
  let tlsPort: number;

  const issue = () => {
    const pair = certificateFor("localhost", "127.0.0.1");
    writeFileSync(cert, pair.cert);
    writeFileSync(key, pair.key);
    return pair;
  };
  const trusted = ["--silent", "--show-error", "--include", "--cacert", cert];
  const curl = async (...words: string[]) => (await exec("curl", [...trusted, ...words])).stdout;
  const reload = () => fetch(`${door.adminUrl}/api/v1/tls/reload`, { method: "POST" });

  before(async () => {
    issue();
    door = await up(["--tls-cert", cert, "--tls-key", key, "--tls-port", "0", "-n", "2"]);
    tlsPort = Number(door.log.find(({ event }) => event === "up")?.tlsPort);
  });
  after(async () => {
    await door.stop();
    rmSync(folder, { recursive: true });
  });

  it("both ports serve: TLS with HTTP/2 and 1.1, and none with either", { skip: withoutCurl }, async () => {
    const secure = `https://localhost:${tlsPort}/home`;
    assert.match(await curl(secure), /^HTTP\/2 200/);
    assert.match(await curl("--http1.1", secure), /^HTTP\/1\.1 200 OK/);
    assert.match(await curl(`${door.url}/home`), /^HTTP\/1\.1 200 OK/);
    assert.match(await curl("--http2-prior-knowledge", `${door.url}/home`), /^HTTP\/2 200/);
    assert.match(await curl("--http2-prior-knowledge", secure), /^HTTP\/2 200/);
    const rep = await curl(`https://localhost:${tlsPort}/rep`);
    assert.match(rep, /"N":2/, "the control API answers over TLS and HTTP/2 too");
  });

  it("h2load: thousands of streams, none failed", { skip: withoutH2load }, async () => {
    for (const url of [`https://localhost:${tlsPort}/home`, `${door.url}/home`]) {
      const { stdout } = await exec("h2load", ["-n", "3000", "-c", "6", "-m", "20", url]);
      assert.match(stdout, /3000 succeeded, 0 failed, 0 errored, 0 timeout/);
      assert.match(stdout, /status codes: 3000 2xx/);
    }
  });

  it("a reload under load: no request fails, whichever certificate it met", async () => {
    let over = false;
    let requests = 0;
    // All of them are trusted from the beginning: a handshake may take longer than a reload.
    const next = Array.from({ length: 10 }, () => certificateFor("localhost"));
    const trusted = [issue(), ...next].map((pair) => pair.cert);
    assert.equal((await reload()).status, 200);
    const client = async () => {
      while (!over) {
        const session = await dial(`https://localhost:${tlsPort}`, { ca: trusted });
        for (let i = 0; i < 5; i++, requests++)
          assert.equal((await ask(session, { ":path": "/home" })).status, 200);
        session.close();
      }
    };
    const clients = [client(), client(), client()];
    for (const pair of next) {
      const wanted = requests + 20;
      while (requests < wanted) await new Promise((resolve) => setTimeout(resolve, 5));
      writeFileSync(cert, pair.cert);
      writeFileSync(key, pair.key);
      assert.equal((await reload()).status, 200);
    }
    over = true;
    await Promise.all(clients);
    const metrics = await (await fetch(`${door.adminUrl}/metrics`)).text();
    assert.match(metrics, /roundhouse_tls_handshakes_total\{result="failed"\} 0/);
    assert.match(metrics, /roundhouse_tls_handshakes_total\{result="full"\} [1-9]/);
  });

  it("a reload of the whole configuration reads the certificates too", async () => {
    const { cert: ca } = issue();
    await assert.rejects(dialled(ca), "the old one is in use still");
    assert.equal((await fetch(`${door.adminUrl}/api/v1/reload`, { method: "POST" })).status, 200);
    await dialled(ca);
  });

  /** Trusting this certificate alone. */
  async function dialled(ca: string): Promise<void> {
    const session = await dial(`https://localhost:${tlsPort}`, { ca });
    session.destroy();
  }

  it("a pair that does not belong together is refused whole, and the old one stays", async () => {
    const before = await (await fetch(`${door.adminUrl}/api/v1/tls`)).json();
    writeFileSync(key, certificateFor("other.test").key);
    const refused = await reload();
    assert.equal(refused.status, 400);
    assert.match(await refused.text(), /key\.pem does not belong to the certificate .*cert\.pem/);
    assert.deepEqual(await (await fetch(`${door.adminUrl}/api/v1/tls`)).json(), before);
    const session = await dial(`https://localhost:${tlsPort}`, { rejectUnauthorized: false });
    assert.equal((await ask(session, { ":path": "/home" })).status, 200);
    session.destroy();
  });
});

describe("roundhouse up: what TLS needs", { skip: withoutOpenssl }, () => {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  before(() => {
    const pair = certificateFor("localhost");
    writeFileSync(cert, pair.cert);
    writeFileSync(key, pair.key);
  });
  after(() => rmSync(folder, { recursive: true }));

  it("a key that does not belong to its certificate: nothing is started", async () => {
    writeFileSync(join(folder, "other.pem"), certificateFor("other.test").key);
    const words = ["up", "--port", "0", "--admin-port", "off", "--tls-cert", cert];
    const { code, stderr } = await run([...words, "--tls-key", join(folder, "other.pem")]);
    assert.equal(code, 2);
    assert.match(stderr, /other\.pem does not belong to the certificate .*cert\.pem/);
  });

  it("a certificate without a key", async () => {
    const { code, stderr } = await run(["up", "--port", "0", "--tls-cert", cert]);
    assert.equal(code, 2);
    assert.match(stderr, /--tls-key/);
  });

  it("without a TLS port of its own the front port speaks it, and nothing else", async () => {
    const door = await openDoor({ tls: { cert: [cert], key: [key] }, replicas: 1 });
    await door.settled;
    assert.equal(door.tlsPort, door.port);
    const session = await dial(`https://localhost:${door.port}`, { ca: readFileSync(cert) });
    assert.equal((await ask(session, { ":path": "/home" })).status, 200);
    session.destroy();
    await assert.rejects(fetch(`http://127.0.0.1:${door.port}/home`));
    await door.close(1_000);
  });
});
