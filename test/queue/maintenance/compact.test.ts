// `roundhouse queue compact` and `release` against brokers that serve: files become smaller, and no producer or consumer
// loses anything, also when a broker is killed in the midst of it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { connectQueue } from "../../../src/queue/client/client.ts";
import { retry } from "../../../src/queue/client/retry.ts";
import { createFaultedSystem } from "../../checker/system.ts";

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

function roundhouse(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, "queue", ...args], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

function tabletBytes(folder: string): number {
  const tablets = join(folder, "data", "tablets");
  const files = readdirSync(tablets).filter((name) => name.endsWith(".lmdb"));
  return files.reduce((sum, name) => sum + statSync(join(tablets, name)).size, 0);
}

it("a queue is compacted while it is written to and read, and a broker is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-compact-"));
  const system = await createFaultedSystem(folder, 2);
  await system.start();
  const queue = ["--queue", system.queueOrigin];
  let goesOn = true;
  const client = connectQueue(system.queueOrigin);
  try {
    const patience = { withinMs: 15_000, mayPass: () => true };
    await retry(() => client.api.createTopic("gone", 4, {}), patience);
    await client.api.createTopic("orders", 4, {});
    const producer = client.producer();
    const large = "x".repeat(10_000);
    await producer.sendAll(
      "gone",
      Array.from({ length: 1000 }, () => ({ value: large })),
    );
    await client.api.deleteTopic("gone");

    let sent = 0;
    const writing = (async () => {
      for (; goesOn; sent++) await producer.send("orders", { value: `${sent}` });
    })();
    const before = tabletBytes(folder);
    const first = await roundhouse("compact", ...queue);
    assert.equal(first.code, 0, first.stderr);
    const rows = first.stdout.trim().split("\n").slice(1);
    assert.equal(rows.length, 32);
    const sums = rows.map((row) => row.trim().split(/ +/).map(Number));
    const freed = sums.reduce((sum, [, from = 0, to = 0]) => sum + from - to, 0);
    assert.ok(freed > 8_000_000, first.stdout);
    assert.ok(before - tabletBytes(folder) > 8_000_000);

    const second = roundhouse("compact", ...queue);
    const [victim] = system.brokerPids();
    assert.ok(victim !== undefined);
    process.kill(victim, "SIGKILL");
    assert.equal((await second).code, 0, "the next owners have compacted what the killed one had not");
    goesOn = false;
    await writing;
    await producer.close();

    const { shards } = await client.api.topic("orders");
    assert.equal(
      shards.reduce((sum, { end }) => sum + end, 0),
      sent,
    );
    assert.equal((await roundhouse("verify", ...queue)).code, 0);
    assert.equal((await roundhouse("release", ...queue)).stdout, "no tablet is quarantined\n");
    const refused = await roundhouse("release", "3", ...queue);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Cannot release tablet 3: it is not quarantined; none is/);
  } finally {
    goesOn = false;
    client.close();
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
