// The control plane with real broker processes that are really killed and stopped.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { serveNode } from "../../src/queue/broker/serve.ts";
import {
  type ControlPlane,
  type ControlPlaneOptions,
  openControlPlane,
} from "../../src/queue/control/control-plane.ts";
import type { QueueMap } from "../../src/queue/map.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { call } from "../balancer/client.ts";
import { oneOfFiveWithin } from "./within.ts";

const folder = mkdtempSync(join(tmpdir(), "control-plane-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const log = createLog({ level: "silent" });
const PATIENCE_MS = 30_000;

let directories = 0;
const newDir = (): string => join(folder, String(++directories));

async function withPlane(
  options: Partial<ControlPlaneOptions>,
  run: (plane: ControlPlane, dataDir: string) => Promise<void>,
): Promise<void> {
  const dataDir = options.dataDir ?? newDir();
  const plane = await openControlPlane({ dataDir, log, tablets: 8, ...options });
  try {
    await run(plane, dataDir);
  } finally {
    await plane.close();
  }
}

/** Resolves when the map is so. */
const comes = (plane: ControlPlane, isSo: (map: QueueMap) => boolean): Promise<true> =>
  plane.desk.mapWhere((map) => (isSo(map) ? true : undefined), PATIENCE_MS);

const owners = (map: QueueMap): readonly string[] => [
  ...new Set(map.tablets.map(({ owner }) => owner ?? "nobody")),
];
const served = (map: QueueMap): boolean => !owners(map).includes("nobody");
const servedBy = (count: number) => (map: QueueMap) => served(map) && owners(map).length === count;

/** By name: what the operating system says about the broker that answers there. */
function pidOf(dataDir: string, name: string): number {
  const recorded = JSON.parse(readFileSync(join(dataDir, "brokers.json"), "utf8")) as { pid: number }[];
  const found = recorded.find(({ pid }) =>
    readFileSync(`/proc/${pid}/environ`, "utf8").includes(`"name":"${name}"`),
  );
  assert.ok(found !== undefined, `${name} has a process`);
  return found.pid;
}

const isThere = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

async function until(isSo: () => boolean): Promise<void> {
  for (const endMs = performance.now() + PATIENCE_MS; !isSo(); ) {
    assert.ok(performance.now() < endMs, "waited too long");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const rejectsWith = (code: string) => (error: { code?: string }) => error.code === code;

describe("a control plane", () => {
  it("has the tablets of a killed broker served elsewhere within a second, and the broker back", () =>
    withPlane({ brokerCount: 2 }, async (plane, dataDir) => {
      await comes(plane, servedBy(2));
      const kills = await oneOfFiveWithin(1000, async () => {
        const epochs = plane.map().tablets.map(({ owner, epoch }) => ({ owner, epoch }));
        const killedMs = performance.now();
        process.kill(pidOf(dataDir, "broker0"), "SIGKILL");
        await comes(plane, (map) => !served(map));
        await comes(plane, (map) => served(map) && !owners(map).includes("broker0"));
        const tookMs = performance.now() - killedMs;
        for (const [tablet, before] of epochs.entries()) {
          const { epoch } = plane.map().tablets[tablet] ?? { epoch: 0 };
          assert.equal(epoch, before.owner === "broker0" ? before.epoch + 1 : before.epoch);
        }
        await comes(plane, servedBy(2));
        return tookMs;
      });
      assert.equal(plane.figures().respawns, kills);
    }));

  it("has the tablets of a stopped broker served elsewhere within three seconds, when it is really gone", () =>
    withPlane({ brokerCount: 2 }, async (plane, dataDir) => {
      await comes(plane, servedBy(2));
      await oneOfFiveWithin(3000, async () => {
        const stopped = pidOf(dataDir, "broker1");
        const stoppedMs = performance.now();
        process.kill(stopped, "SIGSTOP");
        await comes(plane, (map) => served(map) && !owners(map).includes("broker1"));
        const tookMs = performance.now() - stoppedMs;
        assert.equal(isThere(stopped), false);
        await comes(plane, servedBy(2));
        return tookMs;
      });
    }));

  it("starts its only broker again under its name, and serves what was there", () =>
    withPlane({}, async (plane, dataDir) => {
      const topic = { kind: "createTopic", topic: "t", shards: ["P1", "P2"], retention: {} } as const;
      const created = await plane.desk.control(topic);
      process.kill(pidOf(dataDir, "broker0"), "SIGKILL");
      await comes(plane, (map) => !served(map));
      await comes(plane, served);
      assert.deepEqual(plane.map().topics, [created]);
      assert.deepEqual(owners(plane.map()), ["broker0"]);
    }));

  it("adds and removes brokers while others serve, and revives a queue without any", () =>
    withPlane({}, async (plane) => {
      const { control } = plane.desk;
      const add = (broker: string) => control({ kind: "addBroker", broker });
      const remove = (broker: string | null) => control({ kind: "removeBroker", broker });
      await comes(plane, served);
      await add("broker1");
      await assert.rejects(add("broker1"), rejectsWith("NAME_TAKEN"));
      await assert.rejects(add("a/b"), rejectsWith("BAD_REQUEST"));
      await assert.rejects(remove("broker7"), rejectsWith("NOT_FOUND"));
      await comes(plane, servedBy(2));
      await remove("broker0");
      assert.deepEqual(
        plane.map().brokers.map(({ name }) => name),
        ["broker1"],
      );
      await comes(plane, served);
      await add("broker0");
      await comes(plane, servedBy(2));
      await control({ kind: "createTopic", topic: "t", shards: ["P1"], retention: {} });
      await remove(null);
      assert.deepEqual(plane.map().brokers, []);
      assert.deepEqual(owners(plane.map()), ["nobody"]);
      await add("broker9");
      await comes(plane, served);
      assert.equal(plane.map().topics.length, 1);
    }));

  it("quarantines a tablet that cannot be opened, and serves the others", async () => {
    const dataDir = newDir();
    mkdirSync(join(dataDir, "tablets"), { recursive: true });
    writeFileSync(
      join(dataDir, "tablets", "03.lmdb"),
      "this is not a tablet, however long it is ".repeat(500),
    );
    await withPlane({ dataDir, brokerCount: 2 }, async (plane) => {
      const others = (map: QueueMap) =>
        map.tablets.every(({ owner }, tablet) => tablet === 3 || owner !== null);
      await comes(plane, others);
      await until(() => plane.figures().quarantined === 1);
      assert.equal(plane.map().tablets[3]?.owner, null);
      const topic = { kind: "createTopic", topic: "t", shards: ["P1"], retention: {} } as const;
      await assert.rejects(plane.desk.control({ ...topic, tablet: 3 }), rejectsWith("STORE_FAILED"));
      await plane.desk.control({ ...topic, tablet: 4 });
    });
  });

  it("tries a tablet again that was quarantined, when an operator says so: with its file repaired it serves", async () => {
    const dataDir = newDir();
    const file = join(dataDir, "tablets", "03.lmdb");
    const topic = { kind: "createTopic", topic: "t", shards: ["P1"], retention: {}, tablet: 3 } as const;
    await withPlane({ dataDir }, (plane) => plane.desk.control(topic).then(() => {}));
    const sound = readFileSync(file);
    writeFileSync(file, "what a bad disk has left ".repeat(500));
    await withPlane({ dataDir }, async (plane) => {
      await until(() => plane.figures().quarantined === 1);
      const { control } = plane.desk;
      const [again] = await control({ kind: "release", tablet: null });
      assert.deepEqual([again?.tablet, again?.owner], [3, null]);
      assert.match(again?.reason ?? "", /03.lmdb: it is not a tablet file/);
      await assert.rejects(control({ kind: "release", tablet: 2 }), rejectsWith("BAD_REQUEST"));
      await assert.rejects(control({ kind: "release", tablet: 8 }), rejectsWith("NOT_FOUND"));
      await assert.rejects(control({ kind: "compact", tablet: 3 }), rejectsWith("STORE_FAILED"));

      writeFileSync(file, sound);
      const desk = await serveNode(plane.desk);
      const headers = { "content-type": "application/json" };
      const { status, body } = await call(desk.port, "/v1/releases", {
        method: "POST",
        headers,
        body: '{"tablet":3}',
      });
      assert.equal(status, 200, body);
      assert.deepEqual(JSON.parse(body), { tablets: [{ tablet: 3, owner: "broker0", reason: null }] });
      assert.equal(plane.figures().quarantined, 0);
      const path = "/v1/topics/t/shards/P1/records";
      assert.equal(
        (await call(desk.port, path, { method: "POST", headers, body: '{"value":"x"}' })).status,
        200,
      );
      assert.deepEqual(await control({ kind: "release", tablet: null }), []);
      await desk.close(0);
    });
  });

  it("has its brokers keep what retention allows, by count, size and age", () =>
    withPlane({ brokerCount: 2, retentionEveryMs: 100 }, async (plane) => {
      const retentions = { count: { countMax: 10 }, size: { bytesMax: 1000 }, age: { ageMs: 300 } };
      const desk = await serveNode(plane.desk);
      for (const [topic, retention] of Object.entries(retentions)) {
        await plane.desk.control({ kind: "createTopic", topic, shards: ["P1"], retention });
        const path = `/v1/topics/${topic}/shards/P1/records`;
        const produce = {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: '{"value":"x"}',
        };
        for (let n = 0; n < 30; n++) assert.equal((await call(desk.port, path, produce)).status, 200);
        for (let start = 0; start < { count: 20, size: 1, age: 30 }[topic as keyof typeof retentions]; ) {
          const { body } = await call(desk.port, `${path}?max_messages=1`);
          start = (JSON.parse(body) as { start: number }).start;
        }
      }
      await desk.close(0);
    }));

  it("is the only one of its data directory", () =>
    withPlane({}, async (_plane, dataDir) => {
      await assert.rejects(openControlPlane({ dataDir, log }), rejectsWith("DATA_DIR_IN_USE"));
    }));
});

describe("a control plane that is killed", () => {
  interface Program {
    readonly process: ChildProcess;
    readonly pids: readonly number[];
    readonly epochs: readonly number[];
  }

  const program = fileURLToPath(new URL("control-plane-program.ts", import.meta.url));

  async function startProgram(dataDir: string): Promise<Program> {
    const child = spawn(process.execPath, ["--import", "tsx", program, dataDir, "2"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    assert.ok(child.stdout !== null);
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    return { process: child, ...(JSON.parse(line) as Omit<Program, "process">) };
  }

  it("takes its brokers with it, and the next one goes on under higher epochs", async () => {
    const dataDir = newDir();
    const first = await startProgram(dataDir);
    first.process.kill("SIGKILL");
    await until(() => !first.pids.some(isThere));
    const second = await startProgram(dataDir);
    for (const [tablet, epoch] of second.epochs.entries()) assert.ok(epoch > (first.epochs[tablet] ?? 0));
    second.process.kill("SIGKILL");
    await until(() => !second.pids.some(isThere));
  });

  it("leaves a stopped broker, when its keeper is gone too, and the next one ends it first", async () => {
    const dataDir = newDir();
    const first = await startProgram(dataDir);
    const [stopped = 0] = first.pids;
    process.kill(stopped, "SIGSTOP");
    const keeper = keeperOf(first.process.pid ?? 0);
    // Stopped first, so that it has no time to act when its pipe closes.
    process.kill(keeper, "SIGSTOP");
    first.process.kill("SIGKILL");
    await once(first.process, "exit");
    process.kill(keeper, "SIGKILL");
    assert.ok(isThere(stopped));
    await withPlane({ dataDir }, async (plane) => {
      assert.equal(isThere(stopped), false);
      await comes(plane, served);
    });
  });

  /** The shell among its children. */
  function keeperOf(pid: number): number {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
    const found = children.find((child) =>
      readFileSync(`/proc/${child}/cmdline`, "utf8").includes("roundhouse-keeper"),
    );
    assert.ok(found !== undefined, "there is a keeper");
    return found;
  }
});
