// Self-signed certificates, made by the openssl program when a test asks for one: nothing secret is checked in, and
// nothing expires.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

/** False, or the reason to skip; with CI set a missing tool is a failure instead. */
export const withoutOpenssl = (() => {
  if (spawnSync("openssl", ["version"]).status === 0) return false;
  if (process.env.CI === "true") throw new Error("needs openssl; add it to .ci/run");
  return "skipped: needs openssl";
})();

/** For these names, the first of which is its subject. `kind`: of key. */
export function certificateFor(...names: readonly string[]): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-certificate-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const alternatives = names
      .map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`))
      .join(",");
    const what = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
    ];
    const named = ["-subj", `/CN=${names[0]}`, "-addext", `subjectAltName=${alternatives}`];
    execFileSync("openssl", [...what, ...named, "-keyout", key, "-out", cert], { stdio: "pipe" });
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
