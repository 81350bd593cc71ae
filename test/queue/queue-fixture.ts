// What the tests of the queue inside one process share: queues in a folder of their own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { openQueue, type Queue, type QueueOptions } from "../../src/queue/queue.ts";

const folder = mkdtempSync(join(tmpdir(), "queue-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let directories = 0;
export const newDir = (): string => join(folder, String(++directories));

/** A new queue, for as long as the test runs. */
export async function withQueue(
  run: (queue: Queue, dataDir: string) => Promise<void>,
  options: Partial<QueueOptions> = {},
): Promise<void> {
  const dataDir = newDir();
  const queue = await openQueue({ dataDir, tablets: 4, ...options });
  try {
    await run(queue, dataDir);
  } finally {
    await queue.close();
  }
}
