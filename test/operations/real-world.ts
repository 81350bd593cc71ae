// Scripts of operations carried out for real: the command line as it was built, real replicas, SIGKILL, and a look from
// outside at what runs. What depends on what a replica is (a process, a container) is an Outside.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import type { ReplicaReport, StatusReport } from "../../src/balancer/admin-api.ts";
import { createRing } from "../../src/ring/ring.ts";
import { type RunningFrontDoor, up } from "../cli/roundhouse-process.ts";
import type { Operation, ProgramName } from "./operation.ts";
import type { Seen, World } from "./world.ts";

/** What runs, seen and touched from outside of the front door. */
export interface Outside {
  /** Further flags for `roundhouse up`. */
  readonly flags: readonly string[];
  /** What a roll-out names to have this program. */
  bodyFor(program: ProgramName): object;
  /** What follows `--` at the start; empty: nothing. */
  readonly command: readonly string[];
  /** Names of the replicas that run. */
  running(): Promise<readonly string[]>;
  kill(replica: ReplicaReport): Promise<void>;
  pause(replica: ReplicaReport): Promise<void>;
  /** Whoever is paused goes on. */
  resume(): Promise<void>;
  close(): Promise<void>;
}

const slots = 4_096;
const token = "a-token-for-the-operations";
const patienceMs = 60_000;
const namesInUse = 12;

type Outcome = Awaited<ReturnType<World["carryOut"]>>;

/** The folder in which real-replica.mjs finds its troubles. */
export function troubleFolder(): string {
  return mkdtempSync(join(tmpdir(), "roundhouse-trouble-"));
}

/** @param draw chance from a seed, for names */
export async function createRealWorld(
  outside: Outside,
  trouble: string,
  first: number,
  draw: () => number,
): Promise<World> {
  const home = mkdtempSync(join(tmpdir(), "roundhouse-operations-"));
  const configFile = join(home, "roundhouse.config.json");
  let config = { replicas: first, warm: 0 };
  writeConfig();
  let door = await open();

  function writeConfig(): void {
    const fixed = { replicasMax: 8, slots, drainMs: 2_000, startDeadlineMs: 3_000, key: "path" };
    const heartbeat = { intervalMs: 300, timeoutMs: 300 };
    writeFileSync(configFile, JSON.stringify({ ...fixed, heartbeat, ...config }));
  }

  function open(): Promise<RunningFrontDoor> {
    const flags = ["--config", configFile, "--state", join(home, "state.json"), "--ejection", "off"];
    const command = outside.command.length === 0 ? [] : ["--", ...outside.command];
    const env = { ROUNDHOUSE_TOKEN: token, TROUBLE: trouble };
    return up([...flags, ...outside.flags, ...command], { cwd: home, env });
  }

  /** Undefined when nobody answered. */
  async function asked(url: string, method: string, body?: object): Promise<Response | undefined> {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    return fetch(url, { method, headers, ...text }).catch(() => undefined);
  }

  const admin = (path: string, method: string, body?: object) =>
    asked(`${door.adminUrl}/api/v1/${path}`, method, body);

  async function status(): Promise<StatusReport> {
    const answer = await admin("status", "GET");
    assert.equal(answer?.status, 200, "the front door answers");
    return (await answer?.json()) as StatusReport;
  }

  const add = (n: number, named: boolean) =>
    asked(`${door.url}/add`, "POST", { n, hostnames: named ? [`A${Math.floor(draw() * namesInUse)}`] : [] });

  const remove = (n: number, hostnames: readonly string[]) =>
    asked(`${door.url}/rm`, "DELETE", { n, hostnames });

  async function chosen(who: number): Promise<ReplicaReport | undefined> {
    const serving = (await status()).replicas.filter(({ state }) => state === "healthy");
    return serving[Math.floor(who * serving.length)];
  }

  async function restart(): Promise<void> {
    door.signal("SIGKILL");
    await door.ended;
    door = await open();
  }

  async function restartAmid({ amid, ms }: Extract<Operation, { amid: string }>): Promise<Outcome> {
    const by = amid === "add" ? 1 : amid === "remove" ? -1 : 0;
    let answer: Response | "none yet" | undefined = "none yet";
    const work = amid === "add" ? add(1, false) : amid === "remove" ? remove(1, []) : undefined;
    void work?.then((given) => {
      answer = given;
    });
    await after(ms);
    const known = answer as Response | "none yet" | undefined;
    await restart();
    if (known === "none yet" || known === undefined) return { by: [0, by] };
    return { by: [known.ok ? by : 0] };
  }

  async function reload(replicas: number, warm: number): Promise<Outcome> {
    const before = config;
    config = { replicas, warm };
    writeConfig();
    const answer = await admin("reload", "POST");
    if (answer?.ok !== true) {
      config = before;
      writeConfig();
      return { by: [0] };
    }
    const { changed } = (await answer.json()) as { changed: readonly string[] };
    return changed.includes("replicas") ? { to: [replicas] } : { by: [0] };
  }

  async function carryOut(operation: Operation): Promise<Outcome> {
    switch (operation.do) {
      case "add": {
        const answer = await add(operation.count, operation.named);
        return { by: [answer?.ok ? operation.count : 0] };
      }
      case "remove": {
        const named = operation.named ? await chosen(operation.who) : undefined;
        const answer = await remove(operation.count, named === undefined ? [] : [named.name]);
        return { by: [answer?.ok ? -operation.count : 0] };
      }
      case "restart the front door":
        return restartAmid(operation);
      case "reload":
        return reload(operation.replicas, operation.warm);
      case "kill": {
        const replica = await chosen(operation.who);
        if (replica !== undefined) await outside.kill(replica);
        break;
      }
      case "pause": {
        const replica = await chosen(operation.who);
        if (replica !== undefined) await outside.pause(replica);
        void after(operation.ms).then(outside.resume);
        break;
      }
      case "roll out": {
        const { program, batch, settleMs } = operation;
        await admin("rollout", "POST", { ...outside.bodyFor(program), batch, settleMs, deadlineMs: 3_000 });
        break;
      }
      case "abort":
        await admin("rollout", "DELETE");
        break;
      case "restart one":
        await admin(`replicas/${(await chosen(operation.who))?.name ?? "nobody"}/restart`, "POST");
        break;
      case "fail starts":
        for (let index = 0; index < operation.count; index += 1)
          writeFileSync(join(trouble, `fail-${Date.now()}-${index}`), "");
        break;
      case "wait":
        await after(operation.ms);
    }
    return { by: [0] };
  }

  async function look(): Promise<Seen> {
    const { replicas, spares, understudies, desired, rollout } = await status();
    const serving = replicas.filter(({ state }) => state === "healthy");
    const held = replicas.filter(({ state }) => state !== "draining" && state !== "dead");
    const offstage = [...spares, ...understudies].map(({ name }) => name);
    const shares = (await (await admin("ring/shares", "GET"))?.json()) as {
      shares: readonly { seat: number; share: number }[];
    };
    const fresh = createRing({ slots }).with({ add: serving.map(({ seat, weight }) => ({ seat, weight })) });
    return {
      serving,
      desired,
      seats: held.map(({ seat }) => seat),
      names: [...replicas.map(({ name }) => name), ...offstage],
      offstage,
      rolling: rollout.state === "forward" || rollout.state === "back",
      shares: new Map(shares.shares.map(({ seat, share }) => [seat, share] as const).sort(bySeat)),
      sharesExpected: new Map([...fresh.shares()].sort(bySeat)),
      running: await outside.running(),
    };
  }

  async function isWhole(): Promise<boolean> {
    const seen = await look();
    const { spares, understudies, replicas } = await status();
    return (
      !seen.rolling &&
      seen.serving.length === seen.desired &&
      replicas.length === seen.desired &&
      understudies.length === 0 &&
      spares.length === config.warm &&
      spares.every(({ state }) => state === "healthy") &&
      seen.running.length === seen.desired + spares.length
    );
  }

  async function waitForWhole(): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (!(await isWhole())) {
      if (performance.now() > untilMs) {
        const said = door.log.slice(-40).map(({ msg }) => msg);
        const now = JSON.stringify([await status(), await outside.running()]);
        throw new Error(`not whole after ${patienceMs} ms: ${now}\n${said.join("\n")}`);
      }
      await after(50);
    }
  }

  return {
    carryOut,
    async calm() {
      for (const name of readdirSync(trouble)) rmSync(join(trouble, name));
      mkdirSync(join(trouble, "mended"));
      await outside.resume();
      await waitForWhole();
      rmSync(join(trouble, "mended"), { recursive: true });
    },
    look,
    async close() {
      await door.stop();
      await outside.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const bySeat = (a: readonly [number, number], b: readonly [number, number]) => a[0] - b[0];
