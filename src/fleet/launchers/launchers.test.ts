// The small parts of the launchers: upstreams as text, free ports, procfs, the env file, the log file.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readEnvFile } from "./env-file.ts";
import { runId } from "./leftovers.ts";
import { openLogFile } from "./log-file.ts";
import { whoHolds } from "./port-holder.ts";
import { createPortPicker, isFree } from "./ports.ts";
import { cpuSecondsOf, environmentOf, listenersOn, rssBytesOf, statOf, treeOf } from "./procfs.ts";
import { parseUpstream } from "./static.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-"));
after(() => rmSync(folder, { recursive: true }));

const needsProc = process.platform === "linux" ? false : "skipped: needs /proc";

test("upstreams: host:port, with a weight, IPv6 in brackets", () => {
  const read = (text: string): unknown[] => {
    const { address, weight } = parseUpstream(text);
    return [address.host, address.port, weight];
  };
  assert.deepEqual(read("10.0.0.1:8080"), ["10.0.0.1", 8080, 1]);
  assert.deepEqual(read("web-1.example:80@2.5"), ["web-1.example", 80, 2.5]);
  assert.deepEqual(read("[::1]:8080@3"), ["::1", 8080, 3]);
});

test("upstreams that are not understood are refused with the value seen and what is accepted", () => {
  for (const text of [
    "",
    "host",
    "host:",
    ":80",
    "host:0",
    "host:65536",
    "host:80@0",
    "host:80@-1",
    "::1:80",
    "a b:80",
    "host:80@x",
    "http://host:80",
  ]) {
    assert.throws(() => parseUpstream(text), {
      code: "BAD_CONFIG",
      message: new RegExp(
        `^Upstream ${JSON.stringify(text).replaceAll("/", "\\/")} is not understood: write host:port`,
      ),
    });
  }
});

test("picked ports are free, differ, and are not those that the kernel gives to outgoing connections", async () => {
  const ports = createPortPicker("127.0.0.1");
  const picked = [await ports.pick(), await ports.pick(), await ports.pick()];
  assert.equal(new Set(picked).size, 3);
  for (const port of picked) assert.ok(port >= 20_000 && port < 32_000);
});

test("a port that is listened on is not free; an address that is not ours is an error", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  assert.equal(await isFree("127.0.0.1", port), false);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await isFree("127.0.0.1", port), true);
  await assert.rejects(createPortPicker("203.0.113.1").pick(), { code: "EADDRNOTAVAIL" });
});

test("procfs: identity, tree, memory, environment; null for a process that is not there", {
  skip: needsProc,
}, async () => {
  const child = spawn("sh", ["-c", "sleep 100 & wait"], {
    env: { ...process.env, MARK: "a=b" },
    detached: true,
  });
  const pid = child.pid as number;
  try {
    const untilMs = performance.now() + 5_000;
    while (treeOf(pid).length < 2 && performance.now() < untilMs) await new Promise(setImmediate);
    assert.equal(treeOf(pid).length, 2);
    assert.deepEqual([statOf(pid)?.group, statOf(pid)?.session], [pid, pid]);
    assert.equal(statOf(treeOf(pid)[1] as number)?.group, pid);
    assert.ok((rssBytesOf(pid) ?? 0) > 0);
    assert.equal(environmentOf(pid, "MARK"), "a=b");
    assert.equal(environmentOf(pid, "MAR"), null);
  } finally {
    process.kill(-pid, "SIGKILL");
  }
  await new Promise((resolve) => child.on("exit", resolve));
  assert.equal(statOf(pid), null);
  assert.equal(rssBytesOf(pid), null);
  assert.equal(cpuSecondsOf(pid), null);
});

test("procfs: processor time of a child that has ended counts for its parent", {
  skip: needsProc,
}, async () => {
  const spin = "for (const end = Date.now() + 200; Date.now() < end; );";
  const child = spawn("sh", ["-c", `'${process.execPath}' -e '${spin}'; sleep 100`], { detached: true });
  const pid = child.pid as number;
  const untilMs = performance.now() + 10_000;
  try {
    while ((cpuSecondsOf(pid) ?? 0) < 0.1 && performance.now() < untilMs) await new Promise(setImmediate);
    assert.ok((cpuSecondsOf(pid) ?? 0) >= 0.1);
    assert.ok((cpuSecondsOf(pid) ?? 0) < 10);
  } finally {
    process.kill(-pid, "SIGKILL");
  }
});

test("who holds a port: the replica itself, nobody, or a process that was there before", {
  skip: needsProc,
}, async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const later = spawn("sleep", ["100"], { detached: true });
  try {
    assert.equal((await listenersOn(port)).length, 1);
    assert.equal(await whoHolds(port, process.pid), "ours");
    assert.equal(await whoHolds(port, later.pid as number), "other");
    assert.equal(await whoHolds(1, later.pid as number), "ours", "nobody listens there that /proc tells of");
  } finally {
    later.kill("SIGKILL");
    server.close();
  }
});

test("the run id names this process and its start", { skip: needsProc }, () => {
  const [pid, start, namespace] = runId().split("/");
  assert.equal(Number(pid), process.pid);
  assert.equal(Number(start), statOf(process.pid)?.startTicks);
  assert.match(namespace ?? "", /^pid:\[\d+\]$/);
});

test("an env file is read as Node's own --env-file is; one that is not there is named", () => {
  const path = join(folder, "env");
  writeFileSync(path, '# comment\nNAME=value\nQUOTED="a b"\n');
  assert.deepEqual({ ...readEnvFile(path) }, { NAME: "value", QUOTED: "a b" });
  assert.throws(() => readEnvFile(join(folder, "none")), { code: "BAD_CONFIG", message: /none" \(ENOENT\)/ });
});

test("a log file is appended to, and opened anew after it was moved away", async () => {
  const path = join(folder, "out.log");
  writeFileSync(path, "before\n");
  const log = { info() {}, warn() {}, error: (_fields: object, message: string) => assert.fail(message) };
  const first = openLogFile(path, log);
  first.write("S1", "one");
  await first.close();
  const second = openLogFile(path, log);
  second.write("S1", "two");
  renameSync(path, `${path}.1`);
  second.reopen();
  second.write("S2", "three");
  await second.close();
  assert.match(readFileSync(path, "utf8"), /^\S+Z S2 three\n$/);
});

test("a log file goes on when its disk does", {
  skip: !existsSync("/dev/full") && "skipped: needs /dev/full",
}, async () => {
  const path = join(folder, "full.log");
  symlinkSync("/dev/full", path);
  const errors: string[] = [];
  const log = {
    info() {},
    warn() {},
    error: (_fields: object, message: string) => void errors.push(message),
  };
  const file = openLogFile(path, log, 0);
  file.write("S1", "one");
  while (errors.length === 0) await new Promise(setImmediate);
  for (const line of ["two", "three"]) {
    file.write("S1", line);
    await new Promise((resolve) => setTimeout(resolve, 20)); // what would be told again is told by then
  }
  assert.deepEqual(errors, [
    `Cannot write the replicas' output to ${path}: ENOSPC: no space left on device, write`,
  ]);
  rmSync(path);
  while (!existsSync(path) || readFileSync(path, "utf8") === "") {
    file.write("S1", "four");
    await new Promise(setImmediate);
  }
  await file.close();
  assert.match(readFileSync(path, "utf8"), /Z S1 four\n/);
});

test("a log file that cannot be written is told once and costs nothing else", async () => {
  const errors: string[] = [];
  const log = {
    info() {},
    warn() {},
    error: (_fields: object, message: string) => void errors.push(message),
  };
  const file = openLogFile(join(folder, "no", "such", "folder"), log);
  file.write("S1", "one");
  while (errors.length === 0) await new Promise(setImmediate);
  file.write("S1", "two");
  await file.close();
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? "", /^Cannot write the replicas' output to .*ENOENT/);
});
