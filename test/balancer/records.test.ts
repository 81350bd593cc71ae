// What the admin listener remembers: traffic of the last quarter of an hour, and what became of each replica. Real
// replicas, really killed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ReplicaDetails, ReplicasReport, TrafficHistoryReport } from "../../src/balancer/records-api.ts";
import type { RestartReport } from "../../src/balancer/rollout-api.ts";
import { type Call, call, serverIn } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

/** The built-in replica, and a word to each stream. */
const talkative = `
  console.log("begins as", process.env.SERVER_ID);
  console.error("\u001b[31mred\u001b[0m");
  await import(${JSON.stringify(new URL("./replica.mjs", import.meta.url).href)});
`;

let door: TestDoor;

before(async () => {
  door = await openDoor({ key: "header:x" }, [process.execPath, "--input-type=module", "-e", talkative]);
  await door.settled;
});
after(() => door.close(0));

async function ask<Report>(path: string, options: Call = {}): Promise<Report> {
  const { status, body } = await call(door.admin?.port ?? 0, path, options);
  assert.equal(status, 200, body);
  return JSON.parse(body) as Report;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Asks until what is reported is as expected. */
async function until<Report>(path: string, expected: (report: Report) => boolean): Promise<Report> {
  const untilMs = Date.now() + 15_000;
  for (;;) {
    const report = await ask<Report>(path);
    if (expected(report)) return report;
    assert.ok(Date.now() < untilMs, JSON.stringify(report).slice(0, 2_000));
    await pause();
  }
}

const serving = () => door.fleet.serving().map(({ name }) => name);
const sum = (values: readonly (number | null)[]) =>
  values.reduce<number>((all, each) => all + (each ?? 0), 0);

test("traffic is in the history: in total, by replica, by status, with percentiles", async () => {
  await until<TrafficHistoryReport>("/api/v1/history", ({ atMs }) => atMs.length > 0);
  const answered = new Map<string | null, number>();
  for (let n = 0; n < 60; n++) {
    const name = serverIn(await call(door.port, "/home", { headers: { x: `key ${n}` } }));
    answered.set(name, (answered.get(name) ?? 0) + 1);
  }
  await call(door.port, "/nothing-here", { headers: { x: "a" } });
  const { stepMs, atMs, totals, busiest } = await until<TrafficHistoryReport>(
    "/api/v1/history",
    ({ totals: { requestsPerS } }) => sum(requestsPerS) * 2 > 60,
  );
  assert.ok(
    Math.abs(sum(totals.requestsPerS) * (stepMs / 1000) - 61) < 4,
    JSON.stringify(totals.requestsPerS),
  );
  assert.ok(sum(totals.s2xxPerS) > sum(totals.s4xxPerS) && sum(totals.s4xxPerS) > 0);
  assert.ok(totals.p99Ms.some((ms) => ms !== null && ms > 0));
  assert.equal(totals.serving.at(-1), 3);
  assert.deepEqual(new Set(busiest.map(({ name }) => name)), new Set(["S1", "S2", "S3"]));
  for (const { name, requestsPerS } of busiest) {
    assert.ok(Math.abs(sum(requestsPerS) * (stepMs / 1000) - (answered.get(name) ?? 0)) < 4, name);
  }
  const newer = await ask<TrafficHistoryReport>(`/api/v1/history?since=${atMs.at(-1)}&replicas=1`);
  assert.ok(newer.atMs.length < atMs.length && newer.busiest.length === 1);
});

test("why a replica died, what it said, and who replaced it after how long", async () => {
  const victim = door.fleet.serving().find(({ name }) => name === "S2");
  process.kill(victim?.pid as number, "SIGKILL");
  const { departures, departed } = await until<ReplicasReport>(
    "/api/v1/replicas",
    ({ departures: [first] }) => first?.successor != null,
  );
  const [{ name, reason, replaced, successor, outMs, goneMs } = assert.fail()] = departures;
  assert.deepEqual([name, reason, replaced, departed], ["S2", "was ended by SIGKILL", true, 1]);
  assert.ok(outMs <= goneMs && Date.now() - outMs < 60_000);
  assert.ok((successor?.tookMs ?? 0) > 0 && (successor?.tookMs ?? 0) < 30_000);
  assert.ok(serving().includes(successor?.name ?? ""));

  const gone = await ask<ReplicaDetails>("/api/v1/replicas/S2");
  assert.deepEqual(
    gone.life.map(({ state }) => state),
    ["starting", "healthy", "dead"],
  );
  assert.equal(gone.departure?.successor?.name, successor?.name);

  const heir = await ask<ReplicaDetails>(`/api/v1/replicas/${successor?.name}`);
  assert.deepEqual([heir.predecessor, heir.departure], ["S2", null]);
  assert.match(heir.life[0]?.reason ?? "", /in place of S2/);
});

test("what a replica has written can be read, line by line, also when it is gone", async () => {
  for (const name of ["S1", "S2"]) {
    const { output } = await ask<ReplicaDetails>(`/api/v1/replicas/${name}`);
    const lines = output?.map(({ stream, text }) => `${stream} ${text}`) ?? [];
    assert.ok(lines.includes(`stdout begins as ${name}`), lines.join("\n"));
    assert.ok(lines.includes("stderr red"), lines.join("\n"));
    assert.ok(output?.every(({ atMs }) => Date.now() - atMs < 600_000));
  }
});

test("who is restarted is gone when its successor has been there, and no request fails", async () => {
  const before = serving();
  const counts: number[] = [];
  door.fleet.onChange(({ more }) => void (more || counts.push(serving().length)));
  const asked = ask<RestartReport>("/api/v1/replicas/S1/restart", { method: "POST" });
  let requests = 0;
  while (serving().includes("S1")) {
    const { status } = await call(door.port, "/home", { headers: { x: `key ${requests++}` } });
    assert.equal(status, 200);
  }
  assert.equal(Math.min(...counts), before.length);
  const { departures } = await until<ReplicasReport>(
    "/api/v1/replicas",
    ({ departures: [first] }) => first?.name === "S1",
  );
  const { replacedBy } = await asked;
  assert.deepEqual(departures[0]?.successor, { name: replacedBy, tookMs: 0 });
  assert.equal(door.fleet.counters.respawns, 1);
});

test("what is wrong is refused in words", async () => {
  const cases: [path: string, method: string, status: number, words: RegExp][] = [
    ["/api/v1/replicas/S99", "GET", 404, /no replica \\"S99\\"/],
    ["/api/v1/replicas/S99", "DELETE", 404, /none of that name/],
    ["/api/v1/replicas/S99/restart", "POST", 404, /none of that name/],
    ["/api/v1/history?since=x", "GET", 400, /since is \\"x\\"; a whole number/],
    ["/api/v1/history?replicas=65", "GET", 400, /0 to 64/],
  ];
  for (const [path, method, status, words] of cases) {
    const answer = await call(door.admin?.port ?? 0, path, { method });
    assert.equal(answer.status, status, path);
    assert.match(answer.body, words);
  }
});
