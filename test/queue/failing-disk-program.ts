// An application with a queue of its own whose disk fails in several ways, and comes back each time. Says what it went
// through.
//
//   LD_PRELOAD=… DISK_FAULT=FILE node --import tsx test/queue/failing-disk-program.ts DATA_DIR
import { rmSync, writeFileSync } from "node:fs";
import { openQueue } from "../../src/queue/open-queue.ts";

const [dataDir = ""] = process.argv.slice(2);
const fault = process.env.DISK_FAULT ?? "";
let unhandled = 0;
process.on("unhandledRejection", () => unhandled++);

/** The code that it is refused with. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => ({ code: "none" }),
    (refused: { code?: string }) => refused,
  );
  return error.code ?? String(error);
}

const queue = await openQueue({ dataDir, tablets: 2 });
await queue.createTopic("t");
await queue.produce("t", { value: "before" });
const during: Record<string, object> = {};
for (const which of ["eio", "meta", "writes"]) {
  writeFileSync(fault, which);
  await refusal(queue.produce("t", { value: "lost" }));
  const produced = await refusal(queue.produce("t", { value: "lost" }));
  await refusal(queue.createTopic("lost"));
  const created = await refusal(queue.createTopic("lost"));
  during[which] = { created, produced };
  rmSync(fault);
  await queue.createTopic(`after-${which}`);
  await queue.produce("t", { value: `after ${which}` });
}

const isOurs = (text: string): boolean => text !== "lost";

async function textsOf(opened: typeof queue): Promise<readonly string[]> {
  const messages = await opened.read("t", "P1", 0);
  return messages.map(({ value }) => String(value)).filter(isOurs);
}

const texts = await textsOf(queue);
const topics = queue.topics().filter(isOurs);
writeFileSync(fault, "writes");
await queue.close();
rmSync(fault);
const next = await openQueue({ dataDir });
console.log(JSON.stringify({ unhandled, during, texts, topics, again: await textsOf(next) }));
await next.close();
