// `roundhouse queue backup` while brokers serve: the copy is sound, holds what was there when it began, and can be
// started.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { connectQueue } from "../../../src/queue/client/client.ts";
import { retry } from "../../../src/queue/client/retry.ts";
import { openQueue } from "../../../src/queue/queue.ts";
import { createFaultedSystem } from "../../checker/system.ts";

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

function roundhouse(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, "queue", ...args], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

it("a queue is backed up while it is written to, and its copy goes on from there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-backup-"));
  const system = await createFaultedSystem(folder, 2);
  await system.start();
  const client = connectQueue(system.queueOrigin);
  try {
    const patience = { withinMs: 15_000, mayPass: () => true };
    await retry(() => client.api.createTopic("orders", 4, {}), patience);
    const producer = client.producer();
    await producer.sendAll(
      "orders",
      Array.from({ length: 1000 }, (_, i) => ({ value: `${i}` })),
    );
    let goesOn = true;
    const writing = (async () => {
      let count = 1000;
      for (; goesOn; count++) await producer.send("orders", { value: `${count}` });
      return count;
    })();
    const backup = await roundhouse("backup", "monday", "--queue", system.queueOrigin);
    assert.equal(backup.code, 0, backup.stderr);
    const copy = join(folder, "data", "backups", "monday");
    assert.ok(backup.stdout.startsWith(`33 files copied to ${copy}: `), backup.stdout);
    const again = await roundhouse("backup", "monday", "--queue", system.queueOrigin);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /monday: it exists; choose another name/);
    goesOn = false;
    const written = await writing;
    await producer.close();

    assert.equal((await roundhouse("verify", "--data", copy)).code, 0);
    const queue = await openQueue({ dataDir: copy });
    const { shards } = await queue.topic("orders");
    const count = shards.reduce((sum, { end }) => sum + end, 0);
    assert.ok(count >= 1000 && count <= written, `${count} of ${written}`);
    await queue.createTopic("new");
    await queue.produce("new", { value: "goes on" });
    await queue.close();
    assert.equal((await roundhouse("verify", "--queue", system.queueOrigin)).code, 0);
  } finally {
    client.close();
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
