// `roundhouse broker`, run as users run it.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "./roundhouse-process.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "broker-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const args = [
  "--queue-data",
  join(folder, "data"),
  "--queue-port",
  "0",
  "--read-port",
  "0",
  "--admin-port",
  "off",
];

async function start(): Promise<{ child: ChildProcess; queue: string; read: string }> {
  const child = spawn(process.execPath, [main, "broker", ...args], { stdio: ["ignore", "inherit", "pipe"] });
  assert.ok(child.stderr !== null);
  for await (const line of createInterface({ input: child.stderr })) {
    const { event, ports } = JSON.parse(line) as { event?: string; ports?: { queue: number; read: number } };
    if (event !== "queue" || ports === undefined) continue;
    child.stderr.resume();
    return { child, queue: `http://127.0.0.1:${ports.queue}`, read: `http://127.0.0.1:${ports.read}` };
  }
  throw new Error("it ended before it listened");
}

const post = (url: string, body: object): Promise<Response> =>
  fetch(url, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });

describe("roundhouse broker", () => {
  it("serves the queue alone, ends in order, and goes on where it was", async () => {
    const first = await start();
    assert.equal((await post(`${first.queue}/v1/topics`, { name: "orders" })).status, 201);
    const stored = await post(`${first.queue}/v1/topics/orders/records`, { value: "1 umbrella" });
    assert.equal(stored.status, 200);
    const second = await run(["broker", ...args]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /process \d+ uses it/);
    first.child.kill("SIGTERM");
    assert.deepEqual(await once(first.child, "exit"), [0, null]);

    const again = await start();
    const read = await fetch(`${again.queue}/v1/topics/orders/shards/P1/records`);
    assert.match(await read.text(), /"1 umbrella"/);
    assert.deepEqual(await (await fetch(`${again.read}/topics`)).json(), {
      message: { orders: { P1: "broker0" } },
      status: "success",
    });
    again.child.kill("SIGTERM");
    await once(again.child, "exit");
  });
});
