// How fast the fleet heals: replicas are killed with SIGKILL under 64 connections of GET, and three things are
// measured from the outside: until the dead one left `/rep`, until N serve again, and what the clients noticed.
//
//   npm run bench -- recovery [--kills 20] [--warm 0,1] [--connections 64]
import { Agent, get, request } from "node:http";
import { parseArgs } from "node:util";
import { eventually, type RunningFrontDoor, up } from "../../test/cli/roundhouse-process.ts";
import { type KillResult, type RecoveryResult, row, saveResults } from "./report.ts";

interface Load {
  requests: number;
  failed: number;
  stop(): Promise<void>;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string", default: "20" },
      warm: { type: "string", default: "0,1" },
      connections: { type: "string", default: "64" },
    },
  });
  const results: RecoveryResult[] = [];
  for (const warm of values.warm.split(",").map(Number)) {
    const result = await measure(warm, Number(values.kills), Number(values.connections));
    results.push(result);
    console.log(row(result));
  }
  saveResults(results, `npm run bench -- recovery ${args.join(" ")}`.trim());
}

async function measure(warm: number, kills: number, connections: number): Promise<RecoveryResult> {
  const door = await up(["-n", "3", "--warm", String(warm), "--key", "path"]);
  const load = startLoad(door.url, connections);
  const measured: KillResult[] = [];
  let movedKeys = 0;
  try {
    for (let kill = 0; kill < kills; kill++) {
      await settled(door.adminUrl, warm);
      const before = await ownersOf(door.adminUrl);
      const { victim, result } = await killOne(door, kill);
      measured.push(result);
      const after = await ownersOf(door.adminUrl);
      movedKeys += before.filter((seat, key) => seat !== victim && after[key] !== seat).length;
    }
  } finally {
    await load.stop();
    await door.stop();
  }
  return { warm, kills: measured, requests: load.requests, failed: load.failed, movedKeys };
}

/** Keeps `connections` clients busy, each with a connection of its own and one request at a time. */
function startLoad(url: string, connections: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let running = true;
  const load: Load = {
    requests: 0,
    failed: 0,
    async stop() {
      running = false;
      await Promise.all(clients);
      agent.destroy();
    },
  };
  const client = async (id: number) => {
    for (let count = 0; running; count++) {
      load.requests += 1;
      if (!(await succeeds(`${url}/home?${id}-${count}`, agent))) load.failed += 1;
    }
  };
  const clients = Array.from({ length: connections }, (_, id) => client(id));
  return load;
}

function succeeds(url: string, agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    const pending = get(url, { agent }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200 && response.complete));
      response.on("error", () => resolve(false));
    });
    pending.on("error", () => resolve(false));
  });
}

interface Status {
  readonly replicas: readonly { name: string; pid: number; seat: number; state: string }[];
  readonly spares: readonly { state: string }[];
}

async function json<T>(url: string): Promise<T> {
  return new Promise((resolve, reject) => {
    request(url, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(JSON.parse(text) as T));
    })
      .on("error", reject)
      .end();
  });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** All replicas and spares are healthy. */
async function settled(adminUrl: string, warm: number): Promise<void> {
  for (;;) {
    const { replicas, spares } = await json<Status>(`${adminUrl}/api/v1/status`);
    const healthy = replicas.filter((replica) => replica.state === "healthy").length;
    if (healthy === 3 && spares.filter((spare) => spare.state === "healthy").length >= warm) return;
    await pause(20);
  }
}

/** The seats of a few hundred keys. */
async function ownersOf(adminUrl: string): Promise<number[]> {
  const seats: number[] = [];
  for (let key = 0; key < 200; key++) {
    const { candidates } = await json<{ candidates: { seat: number }[] }>(
      `${adminUrl}/api/v1/ring/lookup?key=/key/${key}`,
    );
    seats.push(candidates[0]?.seat ?? 0);
  }
  return seats;
}

async function killOne(
  door: RunningFrontDoor,
  turn: number,
): Promise<{ victim: number; result: KillResult }> {
  const { replicas } = await json<Status>(`${door.adminUrl}/api/v1/status`);
  const victim = replicas.filter((replica) => replica.state === "healthy")[turn % 3];
  if (victim === undefined) throw new Error("no replica to kill");
  const logged = door.log.length;
  const startMs = performance.now();
  const startUnixMs = Date.now();
  process.kill(victim.pid, "SIGKILL");
  let outMs = Number.NaN;
  for (;;) {
    const { message } = await json<{ message: { replicas: string[] } }>(`${door.url}/rep`);
    const nowMs = performance.now() - startMs;
    if (Number.isNaN(outMs) && !message.replicas.includes(victim.name)) outMs = nowMs;
    if (!Number.isNaN(outMs) && message.replicas.length === 3) {
      const sinceMs = async (state: string) =>
        (await eventually(`${state} in the log`, () => loggedAt(door, logged, victim.seat, state))) -
        startUnixMs;
      const byLog = { outByLogMs: await sinceMs("dead"), healedByLogMs: await sinceMs("healthy") };
      return { victim: victim.seat, result: { outMs, healedMs: nowMs, ...byLog } };
    }
    await pause(1);
  }
}

/** When the front door logged that a replica on this seat came into this state. */
function loggedAt(door: RunningFrontDoor, from: number, seat: number, state: string): number | undefined {
  const record = door.log.slice(from).find((each) => each.seat === seat && each.state === state);
  return record === undefined ? undefined : Date.parse(String(record.time));
}
