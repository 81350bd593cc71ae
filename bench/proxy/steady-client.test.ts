import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SteadyResult, SteadySettings } from "./steady-client.ts";

const client = fileURLToPath(new URL("./steady-client.ts", import.meta.url));

async function runClient(settings: SteadySettings): Promise<SteadyResult> {
  const child = spawn(process.execPath, ["--import", "tsx", client, JSON.stringify(settings)]);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, "close");
  return JSON.parse(output) as SteadyResult;
}

test("a stall is charged to every request that fell due in it, not only to those under way", async () => {
  const stallMs = 500;
  let asked = 0;
  let heldUntilMs = 0;
  const server = createServer((_request, response) => {
    if (++asked === 400) heldUntilMs = performance.now() + stallMs;
    setTimeout(() => response.end("x".repeat(100)), Math.max(0, heldUntilMs - performance.now()));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const settings = { folder: "small", uriCount: 10, answerBytes: 100, ratePerS: 400, seconds: 3 };
  const result = await runClient({ port, ...settings, warmupSeconds: 0, connections: 4 });
  server.close();
  // 400 requests/s for 3 s. A closed loop with four connections would see the stall four times in 1,200, which p99
  // (the twelfth slowest) does not show; on schedule some 200 requests fall due in it.
  assert.ok(Math.abs(result.requests - 1200) <= 5, `${result.requests} requests`);
  assert.equal(result.failures, 0);
  assert.ok(result.waited >= 100, `${result.waited} waited`);
  assert.ok(result.maxMs >= stallMs * 0.9, `max ${result.maxMs} ms`);
  assert.ok(result.p99Ms >= stallMs / 2, `p99 ${result.p99Ms} ms`);
});

test("an answer of the wrong length or status is a failure", async () => {
  const server = createServer((_request, response) => response.end("short")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const settings = { folder: "small", uriCount: 10, answerBytes: 100, ratePerS: 100, seconds: 0.2 };
  const result = await runClient({ port, ...settings, warmupSeconds: 0, connections: 4 });
  server.close();
  server.closeAllConnections();
  assert.ok(result.failures > 0);
});
