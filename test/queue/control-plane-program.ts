// A control plane in a process of its own, to be killed: `control-plane-program.ts DATA_DIR BROKERS`. Tells its brokers'
// pids as a line of JSON when all tablets are served.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openControlPlane } from "../../src/queue/control/control-plane.ts";
import { createLog } from "../../src/telemetry/log.ts";

const [dataDir = "", brokers = "1"] = process.argv.slice(2);
const log = createLog({ level: "silent" });
const plane = await openControlPlane({ dataDir, log, brokerCount: Number(brokers), tablets: 8 });
await plane.desk.mapWhere(
  ({ tablets }) => (tablets.every(({ owner }) => owner !== null) ? true : undefined),
  30_000,
);
const recorded = JSON.parse(readFileSync(join(dataDir, "brokers.json"), "utf8")) as { pid: number }[];
const epochs = plane.map().tablets.map(({ epoch }) => epoch);
process.stdout.write(`${JSON.stringify({ pids: recorded.map(({ pid }) => pid), epochs })}\n`);
