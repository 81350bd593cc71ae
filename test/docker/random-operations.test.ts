// Random operations on a fleet of real containers; what "docker ps" shows is compared with what the front door says.
// OPERATION_SEEDS=1,2,3 names the seeds, OPERATIONS the length.
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { seededRandom } from "../../src/load/random.ts";
import { drawOperations } from "../operations/operation.ts";
import { containersOutside } from "../operations/real-containers.ts";
import { createRealWorld, troubleFolder } from "../operations/real-world.ts";
import { carryOutAll } from "../operations/world.ts";
import { builtImage, docker, withoutDocker } from "./docker.ts";

const seeds = (process.env.OPERATION_SEEDS ?? "1").split(",").map(Number);
const count = Number(process.env.OPERATIONS ?? 20);
const scale = { waitMs: 500, pauseMs: 1_500, settleMs: 300 };

describe("random operations on containers", { skip: withoutDocker }, () => {
  const fleet = `operations-${randomBytes(3).toString("hex")}`;
  const other = `${fleet}:other`;
  let image = "";

  before(async () => {
    image = await builtImage();
    await docker("tag", image, other);
    await docker("network", "create", fleet);
  });
  after(async () => {
    await docker("network", "rm", fleet);
    await docker("rmi", other);
  });

  for (const seed of seeds) {
    test(`${count} operations, seed ${seed}`, async () => {
      const first = 1 + (seed % 4);
      const trouble = troubleFolder();
      const world = await createRealWorld(
        containersOutside(fleet, [image, other]),
        trouble,
        first,
        seededRandom(seed),
      );
      try {
        await carryOutAll(world, drawOperations(seed, count, scale), { first, calmEvery: count });
      } finally {
        await world.close();
        rmSync(trouble, { recursive: true, force: true });
      }
    });
  }
});
