// The scenarios in testdata/*.txt: conversations with the lifecycle. Random names are shown as R1, R2 … in the order in
// which they appear.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { reduce } from "./lifecycle.ts";
import { rolloutReport } from "./rollout-report.ts";
import type { BareEvent } from "./running-lifecycle.ts";
import { type Player, testScenario } from "./scenarios.test.ts";
import {
  type Effect,
  emptyFleet,
  type FleetEvent,
  type FleetPolicy,
  type FleetState,
  type Life,
  nextDeadlineMs,
  servingOf,
  sparesOf,
  understudiesOf,
} from "./state.ts";

const folder = fileURLToPath(new URL("./testdata/", import.meta.url));

const defaults: FleetPolicy = {
  warm: 0,
  fixed: false,
  downAfter: 2,
  upAfter: 1,
  drainMs: 10_000,
  startDeadlineMs: 30_000,
  addDeadlineMs: 30_000,
  weightOf: () => 1,
};

for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt")))
  testScenario(folder + file, createPlayer);

function createPlayer(): Player {
  let state: FleetState = emptyFleet(defaults);
  let nowMs = 0;
  let entropy = 0;
  let batch = 0;
  const runs = new Map<number, string>();
  const shortNames = new Map<string, string>();

  const shorten = (line: string): string =>
    line.replace(/\bR[0-9a-z]{6}\b/g, (name) => {
      if (!shortNames.has(name)) shortNames.set(name, `R${shortNames.size + 1}`);
      return shortNames.get(name) ?? name;
    });

  function feed(event: BareEvent): string[] {
    entropy += 1;
    const result = reduce(state, { ...event, entropy } as FleetEvent, nowMs);
    state = result.state;
    return result.effects.flatMap((effect) => tell(effect));
  }

  function tell(effect: Effect): string[] {
    switch (effect.type) {
      case "change": {
        const { replica, from } = effect.change;
        const { name, seat, weight, reason } = replica;
        if (from === replica.state) return [`${name} on seat ${seat}, ${from}: weight ${weight}`];
        return [`${name} on seat ${seat}: ${from ?? "new"} → ${replica.state} (${reason})`];
      }
      case "launch":
        runs.set(effect.run, effect.spec.name);
        return [`  launch ${effect.spec.name}${revisionText(effect.spec)}`];
      case "settled":
        return [`  done, ${effect.outcome}: ${effect.reason}`];
      case "log":
        // Changes are told above.
        return toldAsChange(effect.message) ? [] : [`  log ${effect.level}: ${effect.message}`];
      case "rollout":
        return [];
      default:
        return [`  ${effect.type} ${runs.get(effect.run)}`];
    }
  }

  /** The newest life of that name. */
  function lifeOf(name: string): Life {
    const life = [...state.lives.values()].findLast((each) => shorten(each.name) === name);
    assert.ok(life, `the scenario names "${name}", which is not there`);
    return life;
  }

  const runOf = (name: string): number => lifeOf(name).run;

  function wait(forMs: number): string[] {
    const untilMs = nowMs + forMs;
    const output: string[] = [];
    while (nextDeadlineMs(state) <= untilMs) {
      nowMs = Math.max(nowMs, nextDeadlineMs(state));
      const told = feed({ type: "tick" });
      output.push(...told.map((line) => `${line}  [at ${nowMs} ms]`));
    }
    nowMs = untilMs;
    return output;
  }

  return (line) => obey(line).map(shorten);

  function obey(line: string): string[] {
    const [verb = "", ...words] = line.split(" ");
    const [name = ""] = words;
    const rest = words.slice(1).join(" ");
    const list = rest === "" ? [] : rest.split(" ");
    switch (verb) {
      case "policy": {
        const options = words.map((word) => word.split("="));
        const policy = Object.fromEntries(options.map(([key, value]) => [key, JSON.parse(value ?? "")]));
        state = emptyFleet({ ...defaults, ...policy });
        return words;
      }
      case "start":
        batch += 1;
        return feed({
          type: "start",
          batch,
          replicas: Array.from({ length: Number(name) }, (_, index) => ({
            name: `S${index + 1}`,
            seat: index + 1,
          })),
        });
      case "add":
        batch += 1;
        return feed({ type: "add", batch, count: Number(name), names: list });
      case "remove":
        return feed({ type: "remove", count: Number(name), names: list });
      case "weigh":
        return feed({ type: "weigh", name, weight: Number(rest) });
      case "answers":
        return words.flatMap((each) => [
          ...feed({
            type: "launched",
            run: runOf(each),
            address: { host: "h", port: runOf(each) },
            pid: runOf(each),
          }),
          ...feed({ type: "answered", run: runOf(each) }),
        ]);
      case "misses":
        return feed({ type: "missed", run: runOf(name), reason: rest, enough: false });
      case "refuses":
        return feed({ type: "missed", run: runOf(name), reason: "connection refused", enough: true });
      case "exits":
        return feed({ type: "exited", run: runOf(name), reason: rest });
      case "outgrows":
        return feed({ type: "outgrown", run: runOf(name), reason: rest });
      case "idle": {
        const life = [...state.lives.values()].find((each) => shorten(each.name) === name);
        return feed({ type: "idle", id: life?.id ?? 0 });
      }
      case "stop":
        return feed({ type: "stop", deadlineMs: Number(name) });
      case "roll-out": {
        const plan = { batch: Number(name), settleMs: Number(words[1]), deadlineMs: Number(words[2]) };
        return feed({ type: "rollout", change: { command: ["new"] }, plan });
      }
      case "abort":
        return feed({ type: "abort", reason: "it was aborted" });
      case "restart":
        batch += 1;
        return feed({ type: "renew", batch, name: lifeOf(name).name });
      case "fails":
        return feed({ type: "faulty", id: lifeOf(name).id, reason: rest });
      case "wait":
        return wait(Number(name));
      case "show":
        return show(state);
      default:
        throw new Error(`a scenario knows no command "${line}"`);
    }
  }
}

function revisionText({ revision }: { readonly revision: number }): string {
  return revision === 1 ? "" : ` with revision ${revision}`;
}

function toldAsChange(message: string): boolean {
  return /^\S+ (is (starting|healthy|down|draining|dead): |has the weight )/.test(message);
}

function rolled(state: FleetState): string[] | undefined {
  if (state.rollout === null && state.pastRollout === null) return undefined;
  const { state: phase, current, done, seats } = rolloutReport(state);
  return [`roll-out: ${phase}, ${done} of ${seats} seats; the fleet has revision ${current.number}`];
}

function show(state: FleetState): string[] {
  const names = (lives: Life[]): string => lives.map((life) => life.name).join(" ") || "none";
  const others = [...state.lives.values()].filter((life) => life.state !== "healthy" && life.seat > 0);
  const weighed = [...state.lives.values()].filter((life) => life.weight !== 1);
  return [
    `serving: ${names(servingOf(state))}; spares: ${names(sparesOf(state))}; respawns: ${state.respawns}; heartbeat failures: ${state.heartbeatFailures}`,
    ...weighed.map((life) => `${life.name} on seat ${life.seat}: weight ${life.weight}`),
    ...understudiesOf(state).map((life) => `${life.name} for seat ${life.relieves}: ${life.state}`),
    ...(rolled(state) ?? []),
    ...others.map((life) => `${life.name} on seat ${life.seat}: ${life.state} (${life.reason})`),
  ];
}
