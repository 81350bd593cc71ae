// Replicas as real containers of a real engine, behind a front door on the host: what "docker ps" shows from outside is
// what /rep says, whatever happens to containers and to the front door.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { type RunningFrontDoor, run, up } from "../cli/roundhouse-process.ts";
import { builtImage, docker, until, withoutDocker } from "./docker.ts";

describe("a fleet of containers", { skip: withoutDocker, timeout: 280_000 }, () => {
  const fleet = `fleet-${randomBytes(3).toString("hex")}`;
  const doors: RunningFrontDoor[] = [];
  let image = "";
  let door: RunningFrontDoor;

  before(async () => {
    image = await builtImage();
    await docker("network", "create", fleet);
    door = await open();
  });
  after(async () => {
    for (const { signal } of doors) signal("SIGKILL");
    const left = await docker("ps", "--all", "--quiet", "--filter", `label=roundhouse.fleet=${fleet}`);
    if (left !== "") await docker("rm", "--force", ...left.split("\n"));
    await docker("network", "rm", fleet);
  });

  const flags = () => ["--launcher", "docker", "--image", image, "--network", fleet, "--fleet", fleet];

  async function open(...more: readonly string[]): Promise<RunningFrontDoor> {
    const opened = await up([...flags(), "--container-prefix", `${fleet}-`, ...more]);
    doors.push(opened);
    return opened;
  }

  interface Seen {
    readonly id: string;
    readonly name: string;
  }

  /** From outside, running containers only. */
  async function listed(): Promise<Seen[]> {
    const format = '{{.ID}} {{.Label "roundhouse.replica"}} {{.Names}}';
    const text = await docker("ps", "--format", format, "--filter", `label=roundhouse.fleet=${fleet}`);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [id = "", name = "", container = ""] = line.split(" ");
        assert.equal(container, `${fleet}-${name}`);
        return { id, name };
      });
  }

  async function serving(): Promise<string[]> {
    const body = (await (await fetch(`${door.url}/rep`)).json()) as { message: { replicas: string[] } };
    return body.message.replicas.sort();
  }

  async function seats(): Promise<string[]> {
    const body = (await (await fetch(`${door.adminUrl}/api/v1/status`)).json()) as {
      replicas: { name: string; seat: number; state: string }[];
    };
    return body.replicas
      .filter(({ state }) => state === "healthy")
      .map(({ name, seat }) => `${name}@${seat}`)
      .sort();
  }

  /** Until /rep has so many and "docker ps" shows exactly those. */
  function agree(count: number): Promise<Seen[]> {
    return until(`${count} replicas, in /rep and in docker ps`, async () => {
      const [rep, seen] = [await serving(), await listed()];
      const names = seen.map(({ name }) => name).sort();
      return rep.length === count && names.join() === rep.join() ? seen : undefined;
    });
  }

  const containerOf = (seen: readonly Seen[], name: string) =>
    seen.find((each) => each.name === name)?.id ?? assert.fail(`no container of ${name}`);

  test("they serve, and are confined", async () => {
    const [first] = await agree(3);
    assert.deepEqual(await serving(), ["S1", "S2", "S3"]);
    assert.match(await (await fetch(`${door.url}/home`)).text(), /Hello from Server: S[123]/);
    const { HostConfig, Config, NetworkSettings } = JSON.parse(await docker("inspect", first?.id ?? ""))[0];
    assert.deepEqual([HostConfig.CapDrop, HostConfig.ReadonlyRootfs], [["ALL"], true]);
    assert.deepEqual(HostConfig.SecurityOpt, ["no-new-privileges"]);
    assert.ok(Config.Env.includes(`SERVER_ID=${first?.name}`));
    assert.ok(NetworkSettings.Networks[fleet].Aliases.includes(first?.name));
  });

  test("docker kill under load: replaced on its seat within 3 s, and no request fails", async (t) => {
    const seen = await agree(3);
    let asked = 0;
    let failed = 0;
    let over = false;
    const ask = async (): Promise<number> => {
      const answer = await fetch(`${door.url}/home`);
      await answer.text();
      return answer.status;
    };
    const load = Array.from({ length: 4 }, async () => {
      while (!over) {
        if ((await ask().catch(() => 0)) !== 200) failed += 1;
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    const killedMs = performance.now();
    await docker("kill", containerOf(seen, "S2"));
    const seat2 = await until("seat 2 is held again", async () => {
      const now = (await seats()).find((each) => each.endsWith("@2"));
      return now === undefined || now === "S2@2" ? undefined : now;
    });
    const tookMs = Math.round(performance.now() - killedMs);
    over = true;
    await Promise.all(load);
    t.diagnostic(`${seat2} after ${tookMs} ms; ${asked} requests, ${failed} failed`);
    assert.equal(failed, 0);
    assert.ok(asked > 20);
    assert.ok(tookMs < 3_000, `${tookMs} ms`);
    await agree(3);
  });

  test("docker pause: heartbeats notice, and the paused one is replaced and removed", async () => {
    const paused = containerOf(await agree(3), "S1");
    await docker("pause", paused);
    const seen = await until("another one on its seat", async () => {
      const now = await agree(3);
      return now.some(({ id }) => id === paused) ? undefined : now;
    });
    assert.equal(seen.length, 3);
    assert.equal(
      (await seats()).some((each) => each.endsWith("@1")),
      true,
    );
  });

  test("docker ps agrees with /rep after /add and /rm", async () => {
    const added = await run(["add", "A", "B", "--url", door.url]);
    assert.equal(added.code, 0, added.stderr);
    await agree(5);
    const removed = await run(["rm", "A", "S3", "--url", door.url]);
    assert.equal(removed.code, 0, removed.stderr);
    const seen = await agree(3);
    assert.ok(seen.some(({ name }) => name === "B"));
  });

  test("a second front door of the same fleet is refused in words", async () => {
    const second = await run([
      "up",
      "--port",
      "0",
      "--admin-port",
      "0",
      ...flags(),
      "--container-prefix",
      `${fleet}-`,
    ]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /The fleet "fleet-\w+" on this Docker engine is led by another front door/);
    await agree(3);
  });

  test("killed and started again: the same containers on the same seats, none doubled, none orphaned", async () => {
    const [before, seatsBefore] = [await agree(3), await seats()];
    door.signal("SIGKILL");
    await door.ended;
    await docker("kill", containerOf(before, "B"));
    door = await open();
    const now = await agree(3);
    assert.deepEqual(await seats(), seatsBefore);
    const kept = before.filter(({ name }) => name !== "B").map(({ id }) => id);
    for (const id of kept) assert.ok(now.some((each) => each.id === id));
    const all = await docker(
      "ps",
      "--all",
      "--quiet",
      "--filter",
      `label=roundhouse.role=replica`,
      "--filter",
      `label=roundhouse.fleet=${fleet}`,
    );
    assert.equal(all.split("\n").length, 3, "what died meanwhile is gone");
  });

  test("a roll-out changes every container, seat by seat, and docker ps agrees with /rep", async () => {
    const [before, seatsBefore] = [await agree(3), await seats()];
    const admin = ["--url", door.url, "--admin", door.adminUrl];
    const rolled = await run(["rollout", "--settle-ms", "100", ...admin]);
    assert.equal(rolled.code, 0, rolled.stderr);
    const now = await agree(3);
    for (const { id } of before) assert.ok(!now.some((each) => each.id === id));
    const numbers = (all: readonly string[]) => all.map((each) => each.split("@")[1]).sort();
    assert.deepEqual(numbers(await seats()), numbers(seatsBefore));
  });

  test("what a container prints is in our log", async () => {
    await until(
      "its first line",
      async () => door.log.some(({ msg, replica }) => replica === "B" && /listens on/.test(msg)) || undefined,
    );
  });

  test("stopped as asked: nothing is left; with --on-exit keep all is left, and taken over", async () => {
    const all = () => docker("ps", "--all", "--quiet", "--filter", `label=roundhouse.fleet=${fleet}`);
    await door.stop();
    assert.equal(await all(), "");
    door = await open("--on-exit", "keep", "-n", "2");
    const before = await agree(2);
    await door.stop();
    assert.deepEqual(await listed(), before);
    door = await open("-n", "2");
    assert.deepEqual(await agree(2), before);
    await door.stop();
    assert.equal(await all(), "");
  });
});
