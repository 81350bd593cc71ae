// Which brokers a start begins with: those that there were when they were last changed.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { type ControlPlane, openControlPlane } from "../../src/queue/control/control-plane.ts";
import { createLog } from "../../src/telemetry/log.ts";

const folder = mkdtempSync(join(tmpdir(), "kept-brokers-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const log = createLog({ level: "silent" });

async function started(brokerCount: number, run: (plane: ControlPlane) => Promise<void>): Promise<string[]> {
  const plane = await openControlPlane({ dataDir: join(folder, "data"), log, tablets: 2, brokerCount });
  const names = plane.map().brokers.map(({ name }) => name);
  try {
    const serves = () => plane.map().tablets.every(({ owner }) => owner !== null) || undefined;
    await plane.desk.mapWhere(serves, 20_000);
    await run(plane);
  } finally {
    await plane.close();
  }
  return names;
}

it("brokers that were added and removed at run time are so after a restart", async () => {
  const first = await started(1, async ({ desk }) => {
    await desk.control({ kind: "addBroker", broker: "east" });
    await desk.control({ kind: "removeBroker", broker: "broker0" });
  });
  assert.deepEqual(first, ["broker0"]);
  const second = await started(1, async () => {});
  assert.deepEqual(second, ["east"], "as it was left");
  const third = await started(2, async ({ desk }) => {
    await desk.control({ kind: "removeBroker", broker: null });
  });
  assert.deepEqual(third, ["broker0", "broker1"], "another count is a newer wish");
  assert.deepEqual(await started(2, async () => {}), ["broker0", "broker1"], "none is no way to begin");
});
