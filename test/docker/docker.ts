// The engine as a user has it, by its command line, and the image under test: built from this tree, once for each test
// file; the second build takes its layers from the first.
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { request } from "node:http";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const runFile = promisify(execFile);

/** The repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** False, or the reason to skip; with CI set a missing engine is a failure instead. */
export const withoutDocker = (() => {
  if (spawnSync("docker", ["info", "--format", "{{.ID}}"]).status === 0) return false;
  if (process.env.CI === "true") throw new Error("needs docker and a running engine: see .ci/run");
  return "skipped: needs docker";
})();

/** Runs `docker …` and gives what it prints, without the last line end. Rejects with what it said. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await runFile("docker", args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trimEnd();
}

/** Everything that a container has printed. */
export async function logsOf(container: string): Promise<string> {
  const { stdout, stderr } = await runFile("docker", ["logs", container]);
  return stdout + stderr;
}

/** The image of this tree. Its name is this folder's own, so that other folders' tests do not meet it. */
export async function builtImage(): Promise<string> {
  const tag = `roundhouse-test:${createHash("sha256").update(root).digest("hex").slice(0, 12)}`;
  await runFile(fileURLToPath(new URL("base-image.sh", import.meta.url)));
  const registry =
    process.env.NPM_CONFIG_REGISTRY === undefined ? [] : ["--build-arg", "NPM_CONFIG_REGISTRY"];
  await docker("build", "--quiet", "--network", "host", ...registry, "--tag", tag, ".");
  return tag;
}

/** The body of a 200, or undefined: nobody there yet, something else. Not fetch, whose connection keeps nobody alive. */
export function bodyAt(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false, timeout: 5_000 }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", () => resolve(undefined));
      answer.on("end", () =>
        resolve(answer.statusCode === 200 ? Buffer.concat(chunks).toString() : undefined),
      );
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}

/** Looks every 50 ms until `look` gives something else than undefined; rejects, with `what`, after 30 s. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadlineMs) throw new Error(`waited 30 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Ports that were free a moment ago, for what must have the same ones after a restart. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
