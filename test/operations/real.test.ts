// Random operations on real front doors and real replicas. OPERATION_SEEDS=1,2,3 names the seeds, OPERATIONS the length.
import { existsSync, rmSync } from "node:fs";
import { test } from "node:test";
import { seededRandom } from "../../src/load/random.ts";
import { drawOperations } from "./operation.ts";
import { processesOutside } from "./real-processes.ts";
import { createRealWorld, troubleFolder } from "./real-world.ts";
import { carryOutAll } from "./world.ts";

const seeds = (process.env.OPERATION_SEEDS ?? "1").split(",").map(Number);
const count = Number(process.env.OPERATIONS ?? 25);
const scale = { waitMs: 500, pauseMs: 1_500, settleMs: 300 };

const skip = needsProc();

/** Processes are looked at from outside through /proc. */
function needsProc(): string | false {
  if (existsSync("/proc/self/environ")) return false;
  if (process.env.CI === "true") throw new Error("CI has /proc");
  return "skipped: needs /proc";
}

for (const seed of seeds) {
  test(`${count} random operations with processes, seed ${seed}`, { skip }, async () => {
    const first = 1 + (seed % 4);
    const trouble = troubleFolder();
    const outside = processesOutside(`operations-${process.pid}-${seed}`);
    const world = await createRealWorld(outside, trouble, first, seededRandom(seed));
    try {
      await carryOutAll(world, drawOperations(seed, count, scale), { first, calmEvery: count });
    } finally {
      await world.close();
      rmSync(trouble, { recursive: true, force: true });
    }
  });
}
