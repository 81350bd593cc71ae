// Replicas outlive nobody: a front door is really killed, and so is its keeper.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isAlive, serverScript, sessionMembers, until } from "./processes.ts";

const standIn = fileURLToPath(new URL("./fixtures/front-door.ts", import.meta.url));

interface Report {
  readonly serving: readonly { readonly name: string; readonly pid: number; readonly port: number }[];
  readonly keeper: number | null;
}

interface FrontDoor {
  readonly child: ChildProcess;
  /** The newest report. */
  report(): Report | undefined;
  readonly words: string[];
}

const frontDoors: FrontDoor[] = [];
afterEach(() => {
  for (const { child } of frontDoors.splice(0)) child.kill("SIGKILL");
});

function startFrontDoor(...command: string[]): FrontDoor {
  const child = spawn(process.execPath, ["--import", "tsx", standIn, ...command], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let last: Report | undefined;
  const words: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    last = JSON.parse(line);
  });
  createInterface({ input: child.stderr }).on("line", (line) => words.push(line));
  const frontDoor = { child, report: () => last, words };
  frontDoors.push(frontDoor);
  return frontDoor;
}

const complete = (frontDoor: FrontDoor): Promise<Report> =>
  until(`two replicas serve; said: ${frontDoor.words.join("; ")}`, () => {
    const report = frontDoor.report();
    return report?.serving.length === 2 && report.keeper !== null ? report : null;
  });

/** The whole process tree of each replica, by the session that it was given. */
const family = (report: Report): number[] => report.serving.flatMap(({ pid }) => sessionMembers(pid));

const gone = (pids: readonly number[]): Promise<unknown> =>
  until(`processes ${pids.join(", ")} are gone`, () => !pids.some(isAlive));

test("a front door killed with SIGKILL takes its replicas along", async () => {
  const frontDoor = startFrontDoor(process.execPath, serverScript);
  const report = await complete(frontDoor);
  const pids = family(report);
  assert.equal(pids.length, 2);
  frontDoor.child.kill("SIGKILL");
  await gone([...pids, report.keeper as number]);
});

test("and grandchildren of a shell, and a server that ignores SIGTERM", async () => {
  const frontDoor = startFrontDoor(
    "sh",
    "-c",
    `sleep 1000 & ${process.execPath} ${serverScript} ignores-term`,
  );
  const report = await complete(frontDoor);
  const pids = family(report);
  assert.equal(pids.length, 6, "a shell, a sleep and a server for each of two replicas");
  frontDoor.child.kill("SIGKILL");
  await gone(pids);
});

test("a keeper that is killed is replaced, and the new one knows all replicas", async () => {
  const frontDoor = startFrontDoor(process.execPath, serverScript);
  const first = await complete(frontDoor);
  process.kill(first.keeper as number, "SIGKILL");
  await until("there is another keeper", () => {
    const { keeper } = frontDoor.report() ?? first;
    return keeper !== null && keeper !== first.keeper;
  });
  const second = await complete(frontDoor);
  assert.deepEqual(second.serving, first.serving, "the replicas were left alone");
  frontDoor.child.kill("SIGKILL");
  await gone([...family(second), second.keeper as number]);
});

test("a replica that was replaced is forgotten by the keeper, its successor is not", async () => {
  const frontDoor = startFrontDoor(process.execPath, serverScript);
  const first = await complete(frontDoor);
  const victim = first.serving[0]?.pid as number;
  process.kill(victim, "SIGKILL");
  await until("a replacement serves", () => {
    const serving = frontDoor.report()?.serving ?? [];
    return serving.length === 2 && serving.every(({ pid }) => pid !== victim);
  });
  const second = await complete(frontDoor);
  frontDoor.child.kill("SIGKILL");
  await gone(family(second));
});

test("what is left when front door and keeper are killed together is swept by the next start", {
  skip: process.platform === "linux" ? false : "skipped: needs /proc",
}, async () => {
  const frontDoor = startFrontDoor(
    "sh",
    "-c",
    `sleep 1000 & ${process.execPath} ${serverScript} ignores-term`,
  );
  const report = await complete(frontDoor);
  const pids = family(report);
  frontDoor.child.kill("SIGSTOP"); // so that it starts no other keeper in between
  process.kill(report.keeper as number, "SIGKILL");
  frontDoor.child.kill("SIGKILL");
  await gone([frontDoor.child.pid as number, report.keeper as number]);
  assert.deepEqual(pids.filter(isAlive), pids, "nobody was there to end them");

  const living = startFrontDoor(process.execPath, serverScript);
  const ours = await complete(living);
  await gone(pids);
  const third = startFrontDoor(process.execPath, serverScript);
  await complete(third);
  assert.deepEqual(
    living.report()?.serving,
    ours.serving,
    "replicas of a front door that lives are not swept",
  );
});
