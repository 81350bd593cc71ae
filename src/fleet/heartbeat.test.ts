import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createHeartbeat, defaultHeartbeat, type Heartbeat, nextSteadyMs } from "./heartbeat.ts";

/** A server whose answers can be held back, and a heartbeat that watches it as run 1. */
async function watched(intervalMs: number, body: (lab: Lab) => Promise<void>): Promise<void> {
  const holding: (() => void)[] = [];
  const lab: Lab = {
    asked: 0,
    hold: false,
    heard: [],
    runs: [],
    heartbeat: undefined as never,
    address: undefined as never,
    release: () => {},
  };
  const server = createServer((_request, response) => {
    lab.asked += 1;
    const answer = (): void => void response.end();
    if (lab.hold) holding.push(answer);
    else answer();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  lab.address = { host: "127.0.0.1", port };
  const options = { ...defaultHeartbeat, intervalMs, timeoutMs: 400 };
  lab.heartbeat = createHeartbeat(options, {
    heard: (run, result, enough) => {
      lab.runs.push(run);
      lab.heard.push({ alive: result.alive, enough });
    },
  });
  lab.release = () => {
    for (const answer of holding.splice(0)) answer();
  };
  lab.heartbeat.watch(1, lab.address, "steady");
  try {
    await body(lab);
  } finally {
    lab.heartbeat.unwatch(1);
    server.closeAllConnections();
    server.close();
  }
}

interface Lab {
  asked: number;
  hold: boolean;
  heard: { alive: boolean; enough: boolean }[];
  /** Who that was heard of. */
  runs: number[];
  heartbeat: Heartbeat;
  address: { host: string; port: number };
  release: () => void;
}

async function until(condition: () => boolean): Promise<void> {
  for (const untilMs = performance.now() + 10_000; !condition(); ) {
    assert.ok(performance.now() < untilMs, `waited in vain until ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const hourMs = 3_600_000;

test("a watched server is probed at once and then at every interval", async () => {
  await watched(20, async (lab) => {
    await until(() => lab.heard.length >= 5);
    assert.ok(lab.heard.every(({ alive, enough }) => alive && !enough));
  });
});

test("probeNow does not wait for the interval", async () => {
  await watched(hourMs, async (lab) => {
    await until(() => lab.heard.length === 1);
    lab.heartbeat.probeNow(1, true);
    lab.heartbeat.probeNow(99, true);
    await until(() => lab.heard.length === 2);
    assert.deepEqual(lab.heard[1], { alive: true, enough: true });
  });
});

test("a probe under way is not doubled, but followed by another, which still knows that one miss is enough", async () => {
  await watched(hourMs, async (lab) => {
    lab.hold = true;
    await until(() => lab.asked === 1);
    lab.heartbeat.probeNow(1, true);
    lab.heartbeat.probeNow(1, false);
    lab.release();
    await until(() => lab.heard.length === 2);
    assert.deepEqual(
      lab.heard.map(({ alive, enough }) => [alive, enough]),
      [
        [true, true],
        [false, true],
      ],
    );
    assert.equal(lab.asked, 2);
  });
});

test("after unwatch nothing is heard, not even of the probe under way", async () => {
  await watched(10, async (lab) => {
    lab.hold = true;
    await until(() => lab.asked === 1);
    lab.heartbeat.unwatch(1);
    lab.hold = false;
    lab.release();
    lab.heartbeat.watch(2, lab.address, "steady");
    await until(() => lab.runs.length === 5);
    lab.heartbeat.unwatch(2);
    assert.deepEqual(lab.runs, [2, 2, 2, 2, 2]);
  });
});

test("the probes of many runs that began at one moment are spread over the interval", () => {
  const startedMs = 123_456.7;
  const perTwentieth = new Array<number>(20).fill(0);
  for (let run = 1; run <= 300; run += 1) {
    const gapMs = nextSteadyMs(run, startedMs, 1_000) - startedMs;
    assert.ok(gapMs > 250 - 1e-6 && gapMs <= 1_250, `${gapMs} ms`);
    const twentieth = Math.floor((gapMs % 1_000) / 50);
    perTwentieth[twentieth] = (perTwentieth[twentieth] ?? 0) + 1;
  }
  assert.ok(
    perTwentieth.every((count) => count >= 10 && count <= 20),
    `${perTwentieth}`,
  );
});

test("a run keeps its phase, though its timers fire late or a little early", () => {
  for (let run = 1; run <= 50; run += 1) {
    let dueMs = nextSteadyMs(run, 5_000, 1_000);
    for (const offMs of [0, 180, -1, 600, 0.25, 0]) {
      const nextMs = nextSteadyMs(run, dueMs + offMs, 1_000);
      assert.ok(Math.abs(nextMs - dueMs - 1_000) < 1e-6, `run ${run}, ${offMs} ms off: ${nextMs - dueMs}`);
      dueMs = nextMs;
    }
  }
});

test("with a limit to the quick tries, a run that goes on starting is probed at the steady interval", async () => {
  const options = { ...defaultHeartbeat, kind: "none" as const, intervalMs: hourMs };
  const address = { host: "127.0.0.1", port: 1 };
  const heard = { limited: 0, unlimited: 0 };
  const limited = createHeartbeat(options, { heard: () => void heard.limited++ }, 3);
  const unlimited = createHeartbeat(options, { heard: () => void heard.unlimited++ });
  limited.watch(1, address, "starting");
  unlimited.watch(1, address, "starting");
  await until(() => heard.unlimited >= 8);
  limited.unwatch(1);
  unlimited.unwatch(1);
  assert.equal(heard.limited, 3);
});
