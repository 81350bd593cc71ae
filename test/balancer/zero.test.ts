// To zero replicas and back: nobody is there when nothing was asked for a while, and who asks then waits for one to
// start. No request fails for it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { call, until } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";
import { startLoad } from "./steady-load.ts";

const slow: [string, string] = [
  process.execPath,
  fileURLToPath(new URL("./slow-replica.mjs", import.meta.url)),
];

const folder = mkdtempSync(join(tmpdir(), "roundhouse-"));
after(() => rmSync(folder, { recursive: true }));

const autoscale = {
  min: 0,
  max: 1,
  intervalMs: 100,
  averageMs: 200,
  upCooldownMs: 0,
  zero: { idleMs: 700, heldMax: 20, waitMs: 10_000 },
};

async function withDoor(
  options: FrontDoorOptions,
  use: (door: TestDoor) => Promise<void>,
  command: [string, ...string[]] = slow,
): Promise<void> {
  const door = await openDoor({ heartbeat: { intervalMs: 50 }, ...options }, command);
  try {
    await door.settled;
    await use(door);
  } finally {
    await door.close(0);
  }
}

const atRest = (door: TestDoor) => door.fleet.replicas().length === 0;
const rep = async (door: TestDoor) => JSON.parse((await call(door.port, "/rep")).body).message;

test("zero → one → zero, again and again: no request fails, heartbeats and /rep are no traffic", async () => {
  await withDoor({ autoscale }, async (door) => {
    const asksRep = setInterval(() => void rep(door), 50);
    try {
      await until("nobody is needed", () => atRest(door));
    } finally {
      clearInterval(asksRep);
    }
    assert.deepEqual(await rep(door), { N: 0, replicas: [] });
    assert.equal((await call(door.admin?.port ?? 0, "/readyz")).status, 200, "it serves all the same");
    for (let round = 0; round < 3; round += 1) {
      // A body too, and a method that may not be sent twice.
      const posted = call(door.port, "/posted", { method: "POST", body: "x".repeat(100_000) });
      const load = startLoad(door.port, "/slow?ms=1", 8, 5);
      await until("they are served", () => load.answered > 100);
      assert.equal((await rep(door)).N, 1);
      assert.equal((await posted).status, 200);
      await load.stop();
      assert.deepEqual(load.lost, []);
      await until("nobody is needed again", () => atRest(door));
    }
    const { body } = await call(door.admin?.port ?? 0, "/metrics");
    assert.match(body, /^roundhouse_requests_held 0$/m);
    assert.ok(Number(/^roundhouse_requests_held_total (\d+)$/m.exec(body)?.[1]) >= 27, "9 in each round");
  });
});

test("requests that come while the last replica drains are held, and what it has is finished", async () => {
  await withDoor({ autoscale: { ...autoscale, zero: { ...autoscale.zero, idleMs: 100 } } }, async (door) => {
    const load = startLoad(door.port, "/slow?ms=20", 2, 150); // pauses are longer than it takes to go to rest
    await until("it has come and gone", () => load.answered > 40, 60_000);
    await load.stop();
    assert.deepEqual(load.lost, []);
    const { decisions = [] } = JSON.parse((await call(door.admin?.port ?? 0, "/api/v1/autoscale")).body);
    assert.ok(decisions.some(({ cause }: { cause: string }) => cause === "woken"));
  });
});

test("who waits in vain gets 503 with Retry-After: too many, or for too long; then it is tried again", async () => {
  const zero = { idleMs: 700, heldMax: 3, waitMs: 1_000 };
  const broken: [string, string, string] = [process.execPath, "-e", "process.exit(1)"];
  await withDoor(
    { replicas: 0, autoscale: { ...autoscale, zero } },
    async (door) => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => call(door.port, "/")));
      for (const { status, headers, body } of answers) {
        assert.equal(status, 503);
        assert.match(String(headers["retry-after"]), /^\d+$/);
        assert.match(body, /<Error> No replica could be started within 1000 ms, or as many requests wait/);
      }
      await until("it is told why", () =>
        door.logged.some(({ msg }) =>
          /could not go from 0 to 1 replicas: .*exited with code 1/.test(String(msg)),
        ),
      );
    },
    broken,
  );
});

test("a client that leaves while it is held is waited for no longer than others are", async () => {
  const zero = { ...autoscale.zero, waitMs: 1_500 };
  await withDoor(
    { replicas: 0, autoscale: { ...autoscale, zero } },
    async (door) => {
      const held = async () => {
        const { body } = await call(door.admin?.port ?? 0, "/metrics");
        return /^roundhouse_requests_held (\d+)$/m.exec(body)?.[1];
      };
      const gone = fetch(`http://127.0.0.1:${door.port}/`, { signal: AbortSignal.timeout(300) });
      await assert.rejects(gone);
      // It has closed its side only, for all that can be known, and might still read an answer.
      const untilMs = performance.now() + 10_000;
      while ((await held()) !== "0" && performance.now() < untilMs) await setTimeout(20);
      assert.equal(await held(), "0");
    },
    [process.execPath, "-e", "setTimeout(() => process.exit(1), 200)"],
  );
});

test("a reload that raises min answers who is held all the same", async () => {
  const gate = join(folder, "may-serve");
  const late = [
    "-e",
    `const wait = setInterval(() => {
      if (!require("node:fs").existsSync(${JSON.stringify(gate)})) return;
      clearInterval(wait);
      import(${JSON.stringify(`file://${slow[1]}`)});
    }, 20)`,
  ];
  let written: FrontDoorOptions = { port: 0, admin: { port: 0 }, replicas: 0, autoscale };
  const door = await openDoor(written, [process.execPath, ...late], async () => written);
  try {
    await door.settled;
    const held = call(door.port, "/");
    await until("one is started for it", () => door.fleet.replicas().length === 1);
    const { replicas: _, ...others } = written;
    written = { ...others, autoscale: { ...autoscale, min: 1 } };
    await door.reload();
    assert.equal(door.fleet.serving().length, 0, "it came before anybody served");
    writeFileSync(gate, "");
    const { status, body } = await held;
    assert.equal(status, 200, body);
  } finally {
    await door.close(0);
  }
});

test("with workers: held in each of them, woken by any", async () => {
  await withDoor({ autoscale, workers: 2 }, async (door) => {
    for (let round = 0; round < 2; round += 1) {
      await until("nobody is needed", () => atRest(door));
      const answers = await Promise.all(Array.from({ length: 6 }, () => call(door.port, "/")));
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    }
  });
});

test("what cannot be meant is refused before anything starts, in words", async () => {
  const refusals: [FrontDoorOptions, RegExp][] = [
    [
      { autoscale: { targets: { inFlight: 5 } } },
      /needs to know how many replicas there may be: --autoscale 1\.\.8/,
    ],
    [{ autoscale: { max: 8 } }, /needs at least one target/],
    [{ autoscale: { min: 5, max: 4, targets: { inFlight: 5 } } }, /min 5 and max 4/],
    [
      { replicas: 9, autoscale: { max: 8, targets: { cpuCores: 0.5 } } },
      /cannot be 9 replicas to begin with/,
    ],
    [{ replicasMax: 4, autoscale: { max: 8, targets: { cpuCores: 0.5 } } }, /max 8, and replicasMax is 4/],
    [
      { hash: "assignment", autoscale: { max: 60, targets: { p95Ms: 5 } } },
      /max 60, and the placement's table holds 56/,
    ],
    [{ warm: 1, autoscale }, /warm keeps 1/],
    [{ upstreams: ["127.0.0.1:1"], autoscale }, /--upstream names servers that somebody else runs/],
  ];
  for (const [options, message] of refusals)
    await assert.rejects(openDoor(options, slow), { code: "BAD_CONFIG", message });
});
