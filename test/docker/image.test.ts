// The image by itself: every command runs, as nobody in particular, on a root that cannot be written, and ends when told.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bodyAt, builtImage, docker, logsOf, until, withoutDocker } from "./docker.ts";

/** Beyond Node (127 MB) and Debian (74 MB), mostly the packages; the whole is 227 MB. */
const imageBytesMax = 240e6;
/** What a cautious operator takes away. */
const confined = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

describe("the image", { skip: withoutDocker, timeout: 240_000 }, () => {
  let image = "";
  const containers: string[] = [];

  before(async () => {
    image = await builtImage();
  });
  after(async () => {
    if (containers.length > 0) await docker("rm", "--force", "--volumes", ...containers);
  });

  async function start(...args: readonly string[]): Promise<string> {
    const id = await docker("run", "--detach", "--health-interval", "1s", ...confined, ...args);
    containers.push(id);
    return id;
  }

  /** Where a port of a container is published. */
  async function published(container: string, port: number): Promise<string> {
    const [first] = (await docker("port", container, String(port))).split("\n");
    return `http://${first}`;
  }

  const answerOf = (url: string) => until(`an answer from ${url}`, () => bodyAt(url));

  function becomesHealthy(container: string): Promise<true> {
    return until("a healthy container", async () => {
      const health = await docker("inspect", "--format", "{{.State.Health.Status}}", container);
      return health === "healthy" ? true : undefined;
    });
  }

  test("is small, names no registry, and needs no root", async (t) => {
    const [bytes, user] = (await docker("inspect", "--format", "{{.Size}} {{.Config.User}}", image)).split(
      " ",
    );
    t.diagnostic(`${Math.round(Number(bytes) / 1e6)} MB`);
    assert.ok(Number(bytes) < imageBytesMax, `${bytes} bytes`);
    assert.equal(user, "10001:10001");
    const history = await docker("history", "--no-trunc", image);
    const environment = await docker("inspect", "--format", "{{json .Config.Env}}", image);
    assert.doesNotMatch(history + environment, /registry/i);
  });

  test("has neither npm, tests nor secrets in it", async () => {
    const look =
      "cd /opt/roundhouse; ls -A; command -v npm; find dist -name '*.test.*'; find / -xdev -name '.env*' 2>/dev/null";
    const found = await docker("run", "--rm", "--entrypoint", "sh", image, "-c", `${look}; true`);
    const expected = ["LICENSE", "assets", "dist", "healthcheck.mjs", "node_modules", "package.json"];
    assert.deepEqual(found.split("\n").sort(), expected.sort());
  });

  test("serve: answers, is healthy, and SIGTERM ends it at once with code 0", async () => {
    const id = await start("--env", "SERVER_ID=S1", "--publish", "127.0.0.1::8080", image, "serve");
    const home = await answerOf(`${await published(id, 8080)}/home`);
    assert.equal(home, '{"message":"Hello from Server: S1","status":"successful"}');
    await becomesHealthy(id);
    await docker("stop", "--time", "10", id);
    assert.equal(await docker("inspect", "--format", "{{.State.ExitCode}}", id), "0");
  });

  test("up: replicas as processes and the queue, of which a container leaves no zombie", async () => {
    const folders = ["--tmpfs", "/tmp", "--tmpfs", "/var/lib/roundhouse:uid=10001"];
    const forsaking = "(sleep 0.2 &); exec node /opt/roundhouse/dist/replica/main.js";
    const id = await start(
      ...folders,
      ...["--publish", "127.0.0.1::5000", image, "up", "--host", "0.0.0.0", "--queue"],
      ...["--", "sh", "-c", forsaking],
    );
    const rep = await answerOf(`${await published(id, 5000)}/rep`);
    assert.equal(rep, '{"message":{"N":3,"replicas":["S1","S2","S3"]},"status":"successful"}');
    await becomesHealthy(id);
    const zombies = "for s in /proc/[0-9]*/stat; do cat $s; done 2>/dev/null | grep -c ' Z ' || true";
    await until("orphans that have been reaped", async () => {
      return (await docker("exec", id, "sh", "-c", zombies)) === "0" ? true : undefined;
    });
    await docker("stop", id);
    assert.equal(await docker("inspect", "--format", "{{.State.ExitCode}}", id), "0");
  });

  test("broker: the queue alone, on a volume; without one it says what to do", async () => {
    const id = await start("--tmpfs", "/tmp", "--volume", "/var/lib/roundhouse", image, "broker");
    await becomesHealthy(id);
    const homeless = await start("--tmpfs", "/tmp", image, "broker");
    await docker("wait", homeless);
    assert.match(
      await logsOf(homeless),
      /^roundhouse: Cannot make or write the queue's folder .*--queue-data/,
    );
  });
});
