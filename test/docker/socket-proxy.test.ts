// deploy/docker-socket.cfg in front of the engine's socket: the front door can do all it does through it, and whoever
// holds its address cannot do more than those calls.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type RunningFrontDoor, up } from "../cli/roundhouse-process.ts";
import { bodyAt, builtImage, docker, freePorts, root, until, withoutDocker } from "./docker.ts";

const withoutHaproxy = (() => {
  if (spawnSync("haproxy", ["-v"]).status === 0) return false;
  if (process.env.CI === "true") throw new Error("needs haproxy; add it to .ci/run");
  return "skipped: needs haproxy";
})();

describe("the proxy before the socket", { skip: withoutDocker || withoutHaproxy, timeout: 120_000 }, () => {
  const fleet = `rhtest${randomBytes(4).toString("hex")}`;
  let proxy: ChildProcess;
  let through = "";
  let door: RunningFrontDoor;

  before(async () => {
    const image = await builtImage();
    const [port] = await freePorts(1);
    const env = { ...process.env, ENGINE_BIND: `127.0.0.1:${port}` };
    proxy = spawn("haproxy", ["-f", join(root, "deploy/docker-socket.cfg")], { env, stdio: "ignore" });
    through = `tcp://127.0.0.1:${port}`;
    await until("the proxy", () => bodyAt(`http://127.0.0.1:${port}/_ping`));
    const names = ["--fleet", fleet, "--container-prefix", `${fleet}-`];
    door = await up(["--launcher", "docker", "--image", image, "--replicas", "2", ...names], {
      env: { DOCKER_HOST: through },
    });
  });
  after(async () => {
    await door?.stop();
    proxy?.kill();
    if (proxy !== undefined && proxy.exitCode === null) await once(proxy, "exit");
  });

  const served = async (): Promise<string[]> =>
    JSON.parse((await bodyAt(`${door.url}/rep`)) ?? "{}").message?.replicas ?? [];

  test("replicas are started, added, replaced and removed through it", async () => {
    assert.deepEqual(await served(), ["S1", "S2"]);
    const added = await fetch(`${door.url}/add`, { method: "POST", body: '{"n":1,"hostnames":["S3"]}' });
    assert.equal(added.status, 200, await added.text());
    await docker("kill", `${fleet}-S1`);
    await until("a replacement", async () => {
      const names = await served();
      return names.length === 3 && !names.includes("S1") ? true : undefined;
    });
    await docker("pause", `${fleet}-S2`);
    const removed = await fetch(`${door.url}/rm`, { method: "DELETE", body: '{"n":1,"hostnames":["S2"]}' });
    assert.equal(removed.status, 200, await removed.text());
    await until("the end of S2", async () => {
      const left = await docker("ps", "--all", "--quiet", "--filter", `name=${fleet}-S2`);
      return left === "" ? true : undefined;
    });
  });

  test("other calls are refused", async () => {
    const calls = [
      ["info"],
      ["volume", "ls"],
      ["image", "rm", "none"],
      ["network", "create", fleet],
      ["exec", `${fleet}-S3`, "true"],
      ["cp", `${fleet}-S3:/etc/hostname`, "-"],
      ["attach", "--no-stdin", `${fleet}-S3`],
    ];
    for (const call of calls) {
      await assert.rejects(docker("--host", through, ...call), /Request forbidden|403/, call.join(" "));
    }
  });
});
