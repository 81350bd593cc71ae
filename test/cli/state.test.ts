// What survives a restart, and what a running front door takes over from a changed configuration: real processes, real
// signals.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { eventually, type RunningFrontDoor, run, up } from "./roundhouse-process.ts";

const directory = mkdtempSync(join(tmpdir(), "roundhouse-state-cli-"));
after(() => rmSync(directory, { recursive: true, force: true }));

interface Replica {
  readonly name: string;
  readonly seat: number;
  readonly weight: number;
  readonly state: string;
  readonly pid: number;
}

async function replicasOf(door: RunningFrontDoor): Promise<Replica[]> {
  const status = (await (await fetch(`${door.adminUrl}/api/v1/status`)).json()) as { replicas: Replica[] };
  return status.replicas.filter(({ state }) => state === "healthy" || state === "starting");
}

const identities = (replicas: readonly Replica[]) =>
  replicas.map(({ name, seat }) => `${name}@${seat}`).sort();

test("after kill -9 and a restart N, names and seats are the same", async () => {
  const args = ["--state", join(directory, "state.json"), "-n", "3", "--key", "path"];
  const door = await up(args, { cwd: directory });
  assert.equal((await run(["add", "A", "B", "--url", door.url])).code, 0);
  assert.equal((await run(["rm", "S2", "--url", door.url])).code, 0);
  const body = JSON.stringify({ weight: 2.5 });
  const headers = { "content-type": "application/json" };
  const weighed = await fetch(`${door.adminUrl}/api/v1/replicas/A`, { method: "PUT", headers, body });
  assert.equal(weighed.status, 200);
  const put = (path: string, what: object) =>
    fetch(`${door.adminUrl}${path}`, { method: "PUT", headers, body: JSON.stringify(what) });
  assert.equal((await put("/api/v1/bounded-load", { factor: 1.5 })).status, 200);
  assert.equal((await put("/api/v1/spreads", { key: "/popular", over: 2 })).status, 200);
  const victim = (await replicasOf(door)).find(({ name }) => name === "S3") as Replica;
  process.kill(victim.pid, "SIGKILL");
  const before = await eventually("the dead one is replaced", async () => {
    const now = await replicasOf(door);
    return now.length === 4 && !identities(now).includes("S3@3") && now;
  });
  // What was answered is on disk: the name added last is kept although nothing is waited for.
  const added = await run(["add", "LAST", "--url", door.url]);
  door.signal("SIGKILL");
  await door.ended;
  assert.equal(added.code, 0, added.stderr);

  const again = await up(args, { cwd: directory });
  try {
    const now = await eventually("all serve again", async () => {
      const replicas = await replicasOf(again);
      return replicas.length === 5 && replicas.every(({ state }) => state === "healthy") && replicas;
    });
    assert.deepEqual(identities(now), [...identities(before), "LAST@2"].sort());
    assert.equal(now.find(({ name }) => name === "A")?.weight, 2.5);
    const policy = (await (await fetch(`${again.adminUrl}/api/v1/policy`)).json()) as Record<string, unknown>;
    assert.equal(policy.boundedLoad, 1.5);
    assert.equal((policy.spreads as { key: string }[])[0]?.key, "/popular");
  } finally {
    await again.stop();
  }
  const changed = await up(["--state", join(directory, "state.json"), "-n", "2"], { cwd: directory });
  assert.equal(
    (await replicasOf(changed)).length,
    2,
    "another number in the configuration is the newer word",
  );
  await changed.stop();
});

test("a damaged state file is refused before anything starts", async () => {
  const file = join(directory, "damaged.json");
  writeFileSync(file, "{}");
  const finished = await run(["up", "--port", "0", "--admin-port", "0", "--state", file], { cwd: directory });
  assert.equal(finished.code, 2);
  assert.match(finished.stderr, /Cannot use the state file .*damaged\.json: it is damaged .*move it away/);
  const nowhere = join(directory, "missing", "state.json");
  const other = await run(["up", "--port", "0", "--admin-port", "0", "--state", nowhere], { cwd: directory });
  assert.equal(other.code, 1);
  assert.match(other.stderr, /state file .* could not be written: ENOENT/);
});

test("SIGHUP and `roundhouse reload` read the file again; flags still win", async () => {
  const file = join(directory, "roundhouse.config.json");
  const write = (config: object) => writeFileSync(file, JSON.stringify(config));
  write({ replicas: 1, drainMs: 5_000 });
  const door = await up(["--config", file, "--drain-ms", "4000"], { cwd: directory });
  try {
    write({ replicas: 2, drainMs: 6_000 });
    door.signal("SIGHUP");
    const said = await eventually("it is applied", () =>
      door.log.find(({ event, changed }) => event === "reload" && changed),
    );
    assert.deepEqual(said.changed, ["replicas"]);
    assert.equal((await replicasOf(door)).length, 2);

    write({ replicas: 2, log: { level: "warn" } });
    const reloaded = await run(["reload", "--admin", door.adminUrl]);
    assert.equal(reloaded.stdout, "Changed: log.level\n", reloaded.stderr);
    write({ replicas: 3, slots: 1024, log: { level: "warn" } });
    const refused = await run(["reload", "--admin", door.adminUrl]);
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(
      refused.stderr,
      /Nothing was changed: slots cannot be changed .* replicas would have been changed/,
    );
    writeFileSync(file, "{");
    assert.match((await run(["reload", "--admin", door.adminUrl])).stderr, /not valid JSON/);
    assert.equal((await replicasOf(door)).length, 2);
  } finally {
    await door.stop();
  }
});
