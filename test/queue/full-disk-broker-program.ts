// A control plane and its broker on a disk that is too small: more is produced than fits, with a retention that allows
// less, and tried again whenever it is refused. Says what it went through when all is stored.
//
//   node --import tsx test/queue/full-disk-broker-program.ts DATA_DIR MESSAGES BYTES
import { existsSync } from "node:fs";
import { join } from "node:path";
import { serveNode } from "../../src/queue/broker/serve.ts";
import { openControlPlane } from "../../src/queue/control/control-plane.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { call } from "../balancer/client.ts";

const [dataDir = "", messages = "0", bytes = "0"] = process.argv.slice(2);
const log = createLog({ level: "error", destination: 2 });
const plane = await openControlPlane({ dataDir, log, tablets: 1, retentionEveryMs: 3_600_000 });
const retention = { countMax: 100 };
await plane.desk.control({ kind: "createTopic", topic: "t", shards: ["P1"], retention });
while (!existsSync(join(dataDir, "ballast-broker0"))) await new Promise((resolve) => setTimeout(resolve, 50));
const desk = await serveNode(plane.desk);

const path = "/v1/topics/t/shards/P1/records";
const body = JSON.stringify({ value: "x".repeat(Number(bytes)) });
const produce = { method: "POST", headers: { "content-type": "application/json" }, body };
let refused = 0;
let readsFailed = 0;
let stored = 0;
while (stored < Number(messages)) {
  const answer = await call(desk.port, path, produce);
  if (answer.status === 200) {
    stored++;
    continue;
  }
  if (!answer.body.includes('"DISK_FULL"')) throw new Error(answer.body);
  refused++;
  const read = await call(desk.port, `${path}?max_messages=1`);
  if (read.status !== 200) {
    readsFailed++;
    console.error(read.body);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const { respawns } = plane.figures();
await desk.close(0);
await plane.close();
console.log(JSON.stringify({ refused, readsFailed, stored, respawns }));
