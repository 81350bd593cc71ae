// A disk that fails under the whole program: `roundhouse up` with a queue, `roundhouse broker`, and an application with a
// queue of its own. Nothing ends, requests to replicas go on, changes are refused in words, and all works again by
// itself when the disk does.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, main, type RunningFrontDoor, up } from "../cli/roundhouse-process.ts";
import { buildDiskFaults, type DiskFaults, skipWithoutGcc } from "./disk-faults.ts";

const folder = mkdtempSync(join(tmpdir(), "failing-disk-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const skip = skipWithoutGcc;

async function post(url: string, body: object): Promise<{ status: number; text: string; type: string }> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body), headers });
  return {
    status: answer.status,
    text: await answer.text(),
    type: answer.headers.get("content-type") ?? "",
  };
}

const makeTopic = (queue: string, name: string) => post(`${queue}/v1/topics`, { name });
const produce = (queue: string, topic: string) => post(`${queue}/v1/topics/${topic}/records`, { value: "x" });

/** The disk fails in these ways one after the other; `meanwhile` holds each time, and all works again each time. */
async function goesThrough(queue: string, faults: DiskFaults, meanwhile: () => Promise<void>): Promise<void> {
  await eventually("a topic", async () => (await makeTopic(queue, "before")).status === 201);
  assert.equal((await produce(queue, "before")).status, 200);
  for (const fault of ["eio", "meta", "writes"]) {
    faults.set(fault);
    for (const name of [`${fault}-1`, `${fault}-2`]) {
      const { status, text, type } = await makeTopic(queue, name);
      assert.equal(status, 503, text);
      assert.match(type, /^application\/problem\+json/);
      assert.match(text, /catalog\.lmdb: .*(i\/o|input\/output) error/i);
    }
    assert.ok((await produce(queue, "before")).status >= 500);
    await meanwhile();
    faults.clear();
    await eventually(
      `${fault}: a new topic`,
      async () => (await makeTopic(queue, `${fault}-3`)).status === 201,
    );
    for (const topic of [`${fault}-3`, "before"]) {
      await eventually(`${fault}: ${topic}`, async () => (await produce(queue, topic)).status === 200);
    }
  }
}

const brokersOf = (dataDir: string): string => readFileSync(join(dataDir, "brokers.json"), "utf8").trim();

describe("a disk that fails", () => {
  it("under `roundhouse up` costs no request to a replica and ends nothing", { skip }, async () => {
    const faults = buildDiskFaults(folder);
    const dataDir = join(folder, "up");
    const args = ["--replicas", "1", "--queue", "--queue-data", dataDir, "--queue-port", "0"];
    const state = ["--state", join(folder, "state.json"), "--access-log", join(folder, "access.log")];
    const front = await up([...args, ...state], { env: faults.env });
    try {
      const opened = front.log.find(({ event }) => event === "up") as unknown as { queue: { queue: number } };
      const queue = `http://127.0.0.1:${opened.queue.queue}`;
      await eventually("brokers", async () => (await fetch(`${front.adminUrl}/readyz`)).ok);
      const brokers = brokersOf(dataDir);
      await goesThrough(queue, faults, async () => {
        for (let n = 0; n < 20; n++) assert.equal((await fetch(`${front.url}/home?key=${n}`)).status, 200);
        assert.equal((await fetch(`${front.url}/rep`)).status, 200);
      });
      assert.equal(brokersOf(dataDir), brokers, "no broker has ended");
      await losesItsBroker(front, dataDir, queue, faults);
      assert.deepEqual(
        front.log.filter(({ msg, pid }) => /unhandled|uncaught|triggerUncaught/i.test(`${msg}${pid}`)),
        [],
      );
      process.kill(front.pid, 0);
    } finally {
      faults.clear();
      front.signal("SIGTERM");
    }
    assert.deepEqual(await front.ended, { code: 0, signal: null });
  });

  it("under `roundhouse broker` ends nothing", { skip }, async () => {
    const faults = buildDiskFaults(folder);
    const dataDir = join(folder, "broker");
    const args = ["broker", "--queue-data", dataDir, "--queue-port", "0", "--admin-port", "off"];
    const child = spawn(process.execPath, [main, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...faults.env },
    });
    const lines: string[] = [];
    try {
      const queue = `http://127.0.0.1:${await portOf(child, lines)}`;
      await goesThrough(queue, faults, async () => assert.equal(child.exitCode, null));
      assert.deepEqual(
        lines.filter((line) => /unhandled|uncaught|is started again/i.test(line)),
        [],
      );
    } finally {
      faults.clear();
      child.kill("SIGTERM");
    }
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  it("under an application's own queue costs it nothing but refusals", { skip }, async () => {
    const faults = buildDiskFaults(folder);
    const program = fileURLToPath(new URL("failing-disk-program.ts", import.meta.url));
    const command = ["--import", "tsx", program, join(folder, "application")];
    const child = spawn(process.execPath, command, { env: { ...process.env, ...faults.env } });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk;
    });
    const [status] = (await once(child, "close")) as [number];
    assert.equal(status, 0, errors);
    const lost = { created: "STORE_FAILED", produced: "STORE_FAILED" };
    assert.deepEqual(JSON.parse(output), {
      unhandled: 0,
      during: { eio: lost, meta: lost, writes: lost },
      texts: ["before", "after eio", "after meta", "after writes"],
      topics: ["t", "after-eio", "after-meta", "after-writes"],
      again: ["before", "after eio", "after meta", "after writes"],
    });
  });
});

/** A broker that cannot be written down is not given anything; nor is a backup half there that has failed. */
async function losesItsBroker(
  front: RunningFrontDoor,
  dataDir: string,
  queue: string,
  faults: DiskFaults,
): Promise<void> {
  faults.set("writes");
  assert.ok((await post(`${queue}/v1/backups`, { name: "b" })).status >= 500);
  const [broker] = JSON.parse(brokersOf(dataDir)) as { pid: number }[];
  process.kill(broker?.pid ?? 0, "SIGKILL");
  await eventually("a broker that cannot be written down", () =>
    front.log.some(({ msg }) => /could not be written down in brokers.json: EIO/.test(msg)),
  );
  assert.equal((await fetch(`${front.url}/home?key=1`)).status, 200);
  faults.clear();
  await eventually("a broker again", async () => (await produce(queue, "before")).status === 200);
  const backup = await post(`${queue}/v1/backups`, { name: "b" });
  assert.equal(backup.status, 201, backup.text);
}

/** Also gathers what comes afterwards. */
function portOf(child: ChildProcess, lines: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(`it ended: ${lines.join("\n")}`)));
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      lines.push(line);
      const port = /"event":"queue","ports":\{"queue":(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
}
