import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createHeartbeat, defaultHeartbeat, type Heartbeat } from "./heartbeat.ts";

/** A server whose answers can be held back, and a heartbeat that watches it as run 1. */
async function watched(intervalMs: number, body: (lab: Lab) => Promise<void>): Promise<void> {
  const holding: (() => void)[] = [];
  const lab: Lab = { asked: 0, hold: false, heard: [], heartbeat: undefined as never, release: () => {} };
  const server = createServer((_request, response) => {
    lab.asked += 1;
    const answer = (): void => void response.end();
    if (lab.hold) holding.push(answer);
    else answer();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const options = { ...defaultHeartbeat, intervalMs, timeoutMs: 400 };
  lab.heartbeat = createHeartbeat(options, {
    heard: (_run, result, enough) => void lab.heard.push({ alive: result.alive, enough }),
  });
  lab.release = () => {
    for (const answer of holding.splice(0)) answer();
  };
  lab.heartbeat.watch(1, { host: "127.0.0.1", port }, "steady");
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
  heartbeat: Heartbeat;
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
    lab.release();
    const { asked } = lab;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(lab.heard, []);
    assert.equal(lab.asked, asked);
  });
});
