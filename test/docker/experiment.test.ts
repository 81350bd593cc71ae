// `roundhouse experiment --launcher docker` as users run it, with few requests: the replicas are containers while it runs,
// and none is left.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { run } from "../cli/roundhouse-process.ts";
import { builtImage, docker, withoutDocker } from "./docker.ts";

const folder = mkdtempSync(join(tmpdir(), "experiment-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const lab = (...args: readonly string[]) => run(["experiment", ...args, "--out", folder]);

describe("experiments on containers", { skip: withoutDocker, timeout: 240_000 }, () => {
  let image = "";
  before(async () => {
    image = await builtImage();
  });

  test("a1: requests are counted by the containers that answered, and no container is left", async () => {
    const sinceS = Math.floor(Date.now() / 1000);
    const result = await lab("a1", "--requests", "200", "--launcher", "docker", "--image", image);
    assert.equal(result.code, 0, result.stderr);
    const { data, launcher } = JSON.parse(readFileSync(join(folder, "a1", "data.json"), "utf8")) as {
      launcher: string;
      data: { counts: number[]; failed: number }[];
    };
    for (const { counts, failed } of data) {
      assert.equal(failed, 0);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        200,
      );
    }
    assert.ok(launcher.startsWith(`docker, containers of ${image} (sha256:`), launcher);
    const fleets = await fleetsBegun(sinceS);
    assert.ok(fleets.length >= data.length, `${fleets.length} fleets for ${data.length} runs`);
    for (const fleet of fleets)
      assert.equal(await docker("ps", "--all", "--quiet", "--filter", `label=roundhouse.fleet=${fleet}`), "");
  });

  /** The experiments' fleets whose containers the engine has started since, by its own events. */
  async function fleetsBegun(sinceS: number): Promise<readonly string[]> {
    const what = ["--filter", "event=start", "--filter", "label=roundhouse.role=replica"];
    const format = '{{index .Actor.Attributes "image"}} {{index .Actor.Attributes "roundhouse.fleet"}}';
    const id = await docker("inspect", "--format", "{{.Id}}", image);
    const range = ["--since", String(sinceS), "--until", String(Math.ceil(Date.now() / 1000))];
    const text = await docker("events", ...range, ...what, "--format", format);
    const ours = text.split("\n").filter((line) => line.startsWith(`${id} experiment-`));
    return [...new Set(ours.map((line) => line.slice(id.length + 1)))];
  }

  test("an image that is not there is told before anything runs", async () => {
    const { code, stderr } = await lab("a1", "--launcher", "docker", "--image", "roundhouse-nowhere");
    assert.equal(code, 1);
    assert.match(stderr, /there is no image roundhouse-nowhere on the Docker engine: make it with/);
  });
});
