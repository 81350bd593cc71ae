import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { certificateFor, withoutOpenssl } from "../../test/tls/certificates.ts";
import { RoundhouseError } from "../errors.ts";
import { keepCertificates, loadCertificates } from "./certificates.ts";

describe("certificates", { skip: withoutOpenssl }, () => {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-tls-"));
  after(() => rmSync(folder, { recursive: true }));
  const put = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const one = certificateFor("one.test", "*.one.test", "127.0.0.1");
  const two = certificateFor("two.test");
  const files = () => ({
    cert: [put("one.crt", one.cert), put("two.crt", two.cert)],
    key: [put("one.key", one.key), put("two.key", two.key)],
  });
  const refusal = (cert: string[], key: string[]) => {
    try {
      loadCertificates({ cert, key });
    } catch (error) {
      assert.ok(error instanceof RoundhouseError && error.code === "BAD_CONFIG");
      return error.message;
    }
    return "";
  };

  it("the n-th certificate with the n-th key, with its names and its end", () => {
    const [first, second] = loadCertificates(files());
    assert.deepEqual(first?.names, ["one.test", "*.one.test"]);
    assert.deepEqual(second?.names, ["two.test"]);
    assert.ok((first?.untilMs ?? 0) > Date.now());
  });

  it("what cannot be used is refused with the file and the reason", () => {
    const { cert, key } = files();
    const [c1, c2] = cert as [string, string];
    const [k1, k2] = key as [string, string];
    assert.match(refusal([c1, c2], [k1]), /as many keys as certificates.*2 of --tls-cert and 1 of --tls-key/);
    assert.match(
      refusal([c1], [k2]),
      /two\.key does not belong to the certificate .*one\.crt \(CN=one\.test\)/,
    );
    assert.match(refusal([join(folder, "absent")], [k1]), /Cannot read .*absent.*ENOENT/);
    assert.match(refusal([k1], [k1]), /one\.key is no certificate in PEM/);
    assert.match(refusal([c1], [c1]), /one\.crt is no private key in PEM/);
    const locked = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" },
    }).privateKey;
    assert.match(refusal([c1], [put("locked.key", locked)]), /no private key in PEM without a pass phrase/);
  });

  it("a reload takes all of the new ones, or none", () => {
    const { cert, key } = files();
    const used: string[][] = [];
    const log = { info: () => {}, warn: () => {} };
    const keeper = keepCertificates(
      loadCertificates({ cert, key }),
      (all) => used.push(all.map((each) => each.names.join())),
      log,
    );
    put("one.crt", certificateFor("renewed.test").cert);
    assert.throws(() => keeper.reload(), /one\.key does not belong/);
    assert.deepEqual(used, []);
    assert.deepEqual(keeper.report().certificates[0]?.names, ["one.test", "*.one.test"]);
    const renewed = certificateFor("renewed.test");
    put("one.crt", renewed.cert);
    put("one.key", renewed.key);
    assert.deepEqual(keeper.reload().certificates[0]?.names, ["renewed.test"]);
    assert.deepEqual(used, [["renewed.test", "two.test"]]);
  });
});
