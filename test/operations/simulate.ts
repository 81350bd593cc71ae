// Plays many scripts of a hundred random operations in the made-up world: see simulated-world.ts for what is real in it.
// A seed that fails prints its operations. A program of its own, since a test runner's hooks make promises slow.
//
//   npm run simulate -- 5000          seeds 1 to 5000
//   npm run simulate -- 1 17          seed 17 alone
import { installFakeTime } from "./fake-time.ts";
import { drawOperations } from "./operation.ts";
import { createSimulatedWorld } from "./simulated-world.ts";
import { carryOutAll } from "./world.ts";

const [count = 100, from = 1] = process.argv.slice(2).map(Number);
const scale = { waitMs: 2_000, pauseMs: 4_000, settleMs: 300 };

const time = installFakeTime();
for (let seed = from; seed < from + count; seed += 1) {
  const first = 1 + (seed % 5);
  const world = createSimulatedWorld(seed, time, { first, outlives: seed % 2 === 0 });
  try {
    await carryOutAll(world, drawOperations(seed, 100, scale), { first, calmEvery: 25 });
  } catch (error) {
    process.stdout.write(
      `Seed ${seed} (again: npm run simulate -- 1 ${seed}): ${(error as Error).message}\n`,
    );
    process.exitCode = 1;
  }
  await world.close();
}
time.uninstall();
process.stdout.write(`${count} seeds from ${from}\n`);
