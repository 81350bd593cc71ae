// The command line as a newcomer uses it: real processes, real sockets, real kills.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { eventually, type RunningFrontDoor, run, up } from "./roundhouse-process.ts";

const directory = mkdtempSync(join(tmpdir(), "roundhouse-cli-"));
after(() => rmSync(directory, { recursive: true, force: true }));

async function withFrontDoor(
  args: readonly string[],
  use: (door: RunningFrontDoor) => Promise<void>,
): Promise<void> {
  const door = await up(args, { cwd: directory });
  try {
    await use(door);
  } finally {
    await door.stop();
  }
}

interface Status {
  readonly replicas: {
    name: string;
    state: string;
    seat: number;
    pid: number;
    address: string;
    reason: string;
  }[];
}

async function statusOf(door: RunningFrontDoor): Promise<Status> {
  return (await (await fetch(`${door.adminUrl}/api/v1/status`)).json()) as Status;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function needs(tool: string): { skip?: string } {
  if (spawnSync("which", [tool]).status === 0) return {};
  assert.notEqual(process.env.CI, "true", `CI needs ${tool}`);
  return { skip: `skipped: needs ${tool}` };
}

test("without arguments there are three replicas, and Ctrl-C ends with code 0", async () => {
  const door = await up([], { cwd: directory });
  const reply = await fetch(`${door.url}/rep`);
  assert.equal(await reply.text(), '{"message":{"N":3,"replicas":["S1","S2","S3"]},"status":"successful"}');
  const home = await fetch(`${door.url}/home`);
  assert.match(await home.text(), /^\{"message":"Hello from Server: S[123]","status":"successful"\}$/);
  const pids = (await statusOf(door)).replicas.map((replica) => replica.pid);
  door.signal("SIGINT");
  assert.deepEqual(await door.ended, { code: 0, signal: null });
  assert.deepEqual(pids.filter(isAlive), []);
});

test("a second Ctrl-C stops at once, though a replica is still at work", async () => {
  const script =
    "require('http').createServer((q, r) => q.url === '/slow' ? 0 : r.end()).listen(process.env.PORT)";
  const door = await up(["-n", "1", "--drain-ms", "600000", "--", process.execPath, "-e", script], {
    cwd: directory,
  });
  after(() => door.signal("SIGKILL"));
  const slow = fetch(`${door.url}/slow`).catch(() => null);
  await eventually("the request is in flight", async () => {
    const status = (await statusOf(door)) as unknown as { replicas: { inFlight: number }[] };
    return status.replicas[0]?.inFlight === 1;
  });
  door.signal("SIGINT");
  await eventually("the drain is announced", () => door.log.some((record) => record.event === "signal"));
  door.signal("SIGINT"); // the echo of the first, as npm and timeout forward it
  let sentMs = performance.now();
  await eventually("the next one counts", () => {
    if (performance.now() - sentMs > 300) {
      sentMs = performance.now();
      door.signal("SIGINT");
    }
    return door.log.some((record) => record.msg.includes("stopping at once"));
  });
  assert.equal((await door.ended).code, 0);
  await slow;
});

test("status, add and rm speak to a running front door", async () => {
  await withFrontDoor(["--warm", "1"], async (door) => {
    const added = await run(["add", "S7", "S9", "--url", door.url]);
    assert.equal(added.stdout, "5 replicas: S1 S2 S3 S7 S9\n", added.stderr);
    const removed = await run(["rm", "S7", "--json", "--url", door.url]);
    assert.deepEqual(JSON.parse(removed.stdout).message, { N: 4, replicas: ["S1", "S2", "S3", "S9"] });
    const status = await run(["status", "--admin", door.adminUrl]);
    assert.match(status.stdout, /^name +state +seat +revision +weight +share/);
    assert.match(status.stdout, /S9 +healthy +5 +1 +1 +25\.\d %/);
    assert.match(status.stdout, /^R\w+ +(starting|healthy) +spare /m);
    const refused = await run(["add", "S1", "--url", door.url]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /S1/);
  });
});

test("weight, hot-keys, spread and bounded-load show and change how it routes", async () => {
  await withFrontDoor(["--key", "path"], async (door) => {
    const admin = ["--admin", door.adminUrl];
    for (let request = 0; request < 30; request += 1) await fetch(`${door.url}/home`);
    const weight = await run(["weight", "S2", "2", ...admin]);
    assert.equal(weight.stdout, "S2 has the weight 2\n", weight.stderr);
    const bound = await run(["bounded-load", "1.5", ...admin]);
    assert.equal(bound.stdout, "policy hash, bounded load 1.5\n", bound.stderr);
    const spread = await run(["spread", "/home", "2", ...admin]);
    assert.match(spread.stdout, /^policy hash, bounded load 1\.5\n\/home is spread over S\d S\d\n$/);
    const hot = await run(["hot-keys", ...admin]);
    assert.match(
      hot.stdout,
      /^[\d.]+ requests per second in all; one in 1 is looked at\nper second +± up to/,
    );
    assert.match(hot.stdout, /\n[\d.]+ +0\.0 +100\.0 % +S\d +over 2 +\/home\n$/);
    assert.match((await run(["spread", "/home", "off", ...admin])).stdout, /bounded load 1\.5\n$/);
    assert.match((await run(["bounded-load", "off", ...admin])).stdout, /bounded load off\n$/);
    const refused = await run(["spread", "/home", "off", ...admin]);
    assert.deepEqual([refused.code, /is not spread/.test(refused.stderr)], [1, true]);
    assert.equal((await run(["bounded-load", "much", ...admin])).code, 2);
    assert.equal((await run(["spread", "x", "2", "--id", ...admin])).code, 2);
  });
});

test("status says when no front door answers, with a code of its own", async () => {
  const status = await run(["status", "--admin", "http://127.0.0.1:1"]);
  assert.equal(status.code, 3);
  assert.match(status.stderr, /No front door answers at http:\/\/127\.0\.0\.1:1 .*roundhouse up/);
  const nonsense = await run(["status", "--admin", "nope"]);
  assert.deepEqual(
    [nonsense.code, nonsense.stderr],
    [2, 'roundhouse: --admin is "nope"; accepted: a URL such as http://127.0.0.1:5000\n'],
  );
});

test("a Python server works unmodified", needs("python3"), async () => {
  writeFileSync(join(directory, "hello.txt"), "hello from a file\n");
  const command = ["python3", "-m", "http.server", "{port}", "--bind", "{host}"];
  await withFrontDoor(["-n", "2", "--", ...command], async (door) => {
    const reply = await fetch(`${door.url}/hello.txt`);
    assert.equal(await reply.text(), "hello from a file\n");
    assert.equal((await fetch(`${door.url}/missing.txt`)).status, 404);
  });
});

test("when the front door is killed with SIGKILL its replicas and their children go too", async () => {
  const script = `${process.execPath} -e "require('http').createServer((q,r)=>r.end(String(process.pid))).listen(process.env.PORT)" & wait`;
  const door = await up(["-n", "2", "--", "sh", "-c", script], { cwd: directory });
  const shells = (await statusOf(door)).replicas.map((replica) => replica.pid);
  const grandchildren = new Set<number>();
  await eventually("both grandchildren have answered", async () => {
    grandchildren.add(Number(await (await fetch(door.url)).text()));
    return grandchildren.size === 2;
  });
  door.signal("SIGKILL");
  await door.ended;
  await eventually("nobody is left", () => ![...shells, ...grandchildren].some(isAlive));
});

test("a killed replica is replaced on its seat under another name", async () => {
  await withFrontDoor([], async (door) => {
    const victim = (await statusOf(door)).replicas.find((replica) => replica.name === "S2");
    process.kill(victim?.pid as number, "SIGKILL");
    const successor = await eventually("seat 2 is held again", async () =>
      (await statusOf(door)).replicas.find(
        (replica) => replica.seat === 2 && replica.state === "healthy" && replica.name !== "S2",
      ),
    );
    assert.match(successor.name, /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/);
  });
});

test("a command that does not exist: 503 with words, one report", async () => {
  await withFrontDoor(["--", "./no-such-program"], async (door) => {
    const reply = await fetch(`${door.url}/home`);
    assert.equal(reply.status, 503);
    assert.ok(Number(reply.headers.get("retry-after")) >= 1);
    assert.match(await reply.text(), /^\{"message":"<Error> .*","status":"failure"\}$/);
    const reports = door.log.filter((record) => record.msg.includes("no program") && record.replica === "S1");
    assert.equal(reports.length, 1, JSON.stringify(door.log));
  });
});

test("wrong options end with code 2 and say what is accepted", async () => {
  const cases: [string[], RegExp][] = [
    [["--replicas", "three"], /--replicas is "three"; accepted: a whole number/],
    [["--bogus"], /unknown option '--bogus'/],
    [["--hash", "md5"], /--hash is "md5"; accepted: one of "rendezvous"/],
    [["--key", "colour"], /colour/],
    [["--upstream", "nonsense"], /Upstream "nonsense" is not understood: write host:port/],
    [["--upstream", "127.0.0.1:1", "--", "node"], /exclude each other/],
    [["--launcher", "static"], /needs at least one server: --upstream/],
    [["--config", "missing.ts"], /there is no such file/],
    [["--env-from", "missing.env"], /Cannot read the env file/],
    [["--allow", "10.0.0.0/99"], /10\.0\.0\.0\/99/],
  ];
  for (const [args, expected] of cases) {
    const finished = await run(["up", "--port", "0", "--admin-port", "0", ...args], { cwd: directory });
    assert.match(finished.stderr, expected, `${args.join(" ")} → ${finished.stderr}`);
    assert.equal(finished.code, 2, `${args.join(" ")} → ${finished.code}`);
  }
});

test("a config file that throws, and one that works", async () => {
  const file = join(directory, "roundhouse.config.ts");
  writeFileSync(file, 'throw new Error("the database is missing");');
  const finished = await run(["up"], { cwd: directory });
  assert.match(
    finished.stderr,
    /roundhouse\.config\.ts: it threw while being loaded: Error: the database is missing/,
  );
  assert.equal(finished.code, 2);

  writeFileSync(
    file,
    `import { defineConfig } from "roundhouse-lb";
     export default defineConfig({ replicas: 2, key: (request) => request.header("x-tenant") });`,
  );
  try {
    await withFrontDoor([], async (door) => {
      const replies = await Promise.all(
        Array.from({ length: 20 }, async () =>
          (await fetch(`${door.url}/home`, { headers: { "x-tenant": "t" } })).text(),
        ),
      );
      assert.equal(new Set(replies).size, 1);
      assert.equal((await statusOf(door)).replicas.length, 2);
    });
  } finally {
    rmSync(file);
  }
});

test("a port in use is named, with what to do", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await eventually("it listens", () => server.listening);
  const { port } = server.address() as { port: number };
  const finished = await run(["up", "--port", String(port), "--admin-port", "0"], { cwd: directory });
  server.close();
  assert.match(
    finished.stderr,
    new RegExp(`front door on 127\\.0\\.0\\.1:${port}: the port is in use.*--port`),
  );
  assert.equal(finished.code, 1);
});
