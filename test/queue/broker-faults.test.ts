// Brokers whose disk fails, damages a file, or stops them in the midst of a commit: real processes, real HTTP, and a library in
// LD_PRELOAD that decides what a sync does (disk-faults.c).
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type NodeServer, serveNode } from "../../src/queue/broker/serve.ts";
import { type ControlPlane, openControlPlane } from "../../src/queue/control/control-plane.ts";
import type { QueueMap } from "../../src/queue/map.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { call, until } from "../balancer/client.ts";
import { buildDiskFaults, type DiskFaults, skipWithoutGcc } from "./disk-faults.ts";
import { oneOfFiveWithin } from "./within.ts";

const folder = mkdtempSync(join(tmpdir(), "broker-faults-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const log = createLog({ level: "silent" });

interface World {
  readonly plane: ControlPlane;
  readonly desk: NodeServer;
  readonly dataDir: string;
  readonly faults: DiskFaults;
  produce(text: string): Promise<number>;
  /** All messages of the shard, in their order. */
  texts(): Promise<readonly string[]>;
  /** Name of the broker that serves the shard, and its tablet's epoch. */
  owner(): { readonly name: string | null; readonly epoch: number };
  comes(isSo: (map: QueueMap) => boolean): Promise<true>;
}

const TABLET = 2;

/** Two brokers whose disk may fail, and one shard. */
async function withBrokers(name: string, run: (world: World) => Promise<void>): Promise<void> {
  const faults = buildDiskFaults(folder);
  Object.assign(process.env, faults.env);
  const dataDir = join(folder, name);
  const plane = await openControlPlane({ dataDir, log, tablets: 4, brokerCount: 2 });
  const desk = await serveNode(plane.desk);
  try {
    const world = worldOf(plane, desk, dataDir, faults);
    await world.comes(({ tablets }) => new Set(tablets.map(({ owner }) => owner ?? "")).size === 2);
    const shards = { shards: ["P1"], retention: {}, tablet: TABLET };
    await plane.desk.control({ kind: "createTopic", topic: "t", ...shards });
    // From then on nobody syncs but by our requests.
    await until("both have a ballast", () =>
      ["broker0", "broker1"].every((broker) => existsSync(join(dataDir, `ballast-${broker}`))),
    );
    await run(world);
  } finally {
    faults.clear();
    delete process.env.LD_PRELOAD;
    await desk.close(0);
    await plane.close(500);
  }
}

function worldOf(plane: ControlPlane, desk: NodeServer, dataDir: string, faults: DiskFaults): World {
  const path = "/v1/topics/t/shards/P1/records";
  const headers = { "content-type": "application/json" };
  return {
    plane,
    desk,
    dataDir,
    faults,
    async produce(text) {
      const body = JSON.stringify({ value: text });
      return (await call(desk.port, path, { method: "POST", headers, body })).status;
    },
    async texts() {
      const { status, body } = await call(desk.port, `${path}?max_messages=100`);
      assert.equal(status, 200, body);
      return (JSON.parse(body) as { messages: { value: string }[] }).messages.map(({ value }) => value);
    },
    owner() {
      const { owner, epoch } = plane.map().tablets[TABLET] ?? { owner: null, epoch: 0 };
      return { name: owner, epoch };
    },
    comes: (isSo) => plane.desk.mapWhere((map) => (isSo(map) ? true : undefined), 30_000),
  };
}

/** Field 3 of /proc/PID/stat; empty when there is no such process. */
function stateOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return "";
  }
}

const pidsIn = (dataDir: string): readonly number[] =>
  (JSON.parse(readFileSync(join(dataDir, "brokers.json"), "utf8")) as { pid: number }[]).map(
    ({ pid }) => pid,
  );

describe("a broker", () => {
  it("that is stopped inside a transaction is replaced within three seconds, and never appends again", {
    skip: skipWithoutGcc,
  }, async () => {
    let times = 0;
    await oneOfFiveWithin(3000, async () => {
      let tookMs = Number.NaN;
      await withBrokers(`stopped-${++times}`, async (world) => {
        const { dataDir, owner } = world;
        assert.equal(await world.produce("a"), 200);
        const before = owner();
        world.faults.set("stop");
        const half = world.produce("half");
        const stoppedPid = () => pidsIn(dataDir).find((pid) => stateOf(pid) === "T");
        await until("it is stopped", () => stoppedPid() !== undefined);
        const stoppedMs = performance.now();
        const pid = stoppedPid() ?? 0;
        await world.comes(
          ({ tablets }) => tablets[TABLET]?.owner != null && tablets[TABLET].epoch > before.epoch,
        );
        tookMs = performance.now() - stoppedMs;
        assert.match(stateOf(pid), /^Z?$/, "it is gone");
        assert.notEqual(owner().name, before.name);
        assert.ok((await half) >= 400, "nobody can tell, and nobody claims that it was stored");
        assert.equal(await world.produce("b"), 200);
        assert.deepEqual(await world.texts(), ["a", "b"]);
      });
      return tookMs;
    });
  });

  it(
    "whose disk fails for a while gives the tablet up, and it is opened anew until the disk is back",
    { skip: skipWithoutGcc },
    () =>
      withBrokers("eio", async (world) => {
        assert.equal(await world.produce("a"), 200);
        const { epoch } = world.owner();
        world.faults.set("eio");
        assert.ok((await world.produce("lost")) >= 500);
        await until("it was opened in vain, twice", () => world.owner().epoch >= epoch + 2);
        world.faults.clear();
        await world.comes(({ tablets }) => tablets[TABLET]?.owner != null && tablets[TABLET].epoch > epoch);
        assert.equal(await world.produce("b"), 200);
        const texts = await world.texts();
        assert.deepEqual(
          texts.filter((text) => text !== "lost"),
          ["a", "b"],
        );
        assert.equal(world.plane.figures().quarantined, 0);
      }),
  );

  it("that a damaged file ends is started again, and the tablet quarantined", { skip: skipWithoutGcc }, () =>
    withBrokers("damaged", async (world) => {
      // Too much for one page, so that reading has to look at what is gone.
      for (let n = 0; n < 20; n++) assert.equal(await world.produce(String(n).repeat(10_000)), 200);
      const { name } = world.owner();
      truncateSync(join(world.dataDir, "tablets", `0${TABLET}.lmdb`), 16 * 1024);
      const read = await call(world.desk.port, "/v1/topics/t/shards/P1/records");
      assert.ok(read.status >= 500, read.body);
      await until("it is quarantined", () => world.plane.figures().quarantined === 1);
      assert.ok(world.plane.figures().respawns >= 1, `${name} was ended by a fault`);
      await world.comes(({ tablets }) =>
        tablets.every(({ owner }, tablet) => (owner === null) === (tablet === TABLET)),
      );
    }),
  );
});
