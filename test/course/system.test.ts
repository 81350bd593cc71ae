// `npm run test:api` and `npm run test:2p2c` against `roundhouse up --queue` with real brokers, and what a kill -9 leaves.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createHttpClient } from "../../src/queue/client/http.ts";
import { retry } from "../../src/queue/client/retry.ts";
import { createFaultedSystem, type FaultedSystem } from "../checker/system.ts";
import { type ApiCaller, createApiCaller, succeeded } from "./api-caller.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-system-"));
const http = createHttpClient();
let system: FaultedSystem;
before(async () => {
  system = await createFaultedSystem(folder, 1);
  await system.start();
});
after(async () => {
  http.close();
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
});

function script(name: string, ...args: string[]): Promise<{ code: number; stdout: string }> {
  const main = fileURLToPath(new URL(name, import.meta.url));
  const host = system.frontOrigin.replace("http://", "");
  return new Promise((resolve) => {
    execFile(process.execPath, ["--import", "tsx", main, host, ...args], (error, stdout) =>
      resolve({ code: Number(error?.code ?? 0), stdout }),
    );
  });
}

describe("roundhouse up --queue", () => {
  it("has {} as its topics and broker0 as its broker when it is fresh", async () => {
    const api = createApiCaller(http, system.frontOrigin);
    assert.deepEqual(succeeded(await api.get("/topics")), {});
    assert.match(JSON.stringify(succeeded(await api.get("/brokers"))), /"broker0"/);
  });

  it("passes the run of producers and consumers, with five and three of them", async () => {
    const { code, stdout } = await script("./two-by-two.ts", "--producers", "5", "--consumers", "3");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^200 messages of 5 producers, 3 consumers: /m);
  });

  it("passes the API's cases, on both ports, and the removal of all brokers", async () => {
    const { code, stdout } = await script("./api.ts", "--read-origin", system.readOrigin, "--all-brokers");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /All test cases are passed\n$/);
  });

  it("keeps registrations, offsets and messages over a kill -9 of everything", async () => {
    const api: ApiCaller = createApiCaller(http, system.frontOrigin);
    const register = async (who: string, body: object) => succeeded(await api.post(`/${who}/register`, body));
    const producer_id = await register("producer", { topic: "Kept", part: "P1" });
    const consumer = await register("consumer", { topic: "Kept" });
    for (const message of ["one", "two"])
      succeeded(await api.post("/producer/produce", { producer_id, message }));
    assert.equal(succeeded(await api.get(`/consumer/consume?consumer_id=${consumer}`)), "one");
    await system.killFrontDoor();
    await system.start();
    const next = () => api.get(`/consumer/consume?consumer_id=${consumer}`).then(succeeded);
    assert.equal(await retry(next, { withinMs: 10_000, mayPass: () => true }), "two");
    succeeded(await api.post("/producer/produce", { producer_id, message: "three" }));
    assert.equal(await next(), "three");
  });
});
