// The scenarios in testdata/ejection.txt: who is set aside for which answers, and comes back by which.
import { fileURLToPath } from "node:url";
import { type Player, testScenarios } from "../fleet/scenarios.test.ts";
import {
  accepts,
  type EjectionEvent,
  type EjectionPolicy,
  nextDeadlineMs,
  nobodyEjected,
  reduce,
} from "./ejection.ts";
import { settleEjection } from "./ejection-options.ts";
import { lengthened, noStreak, type Streak } from "./streak.ts";

testScenarios(fileURLToPath(new URL("./testdata/ejection.txt", import.meta.url)), createPlayer);

/** The defaults, as the front door has them, with the factor by which a replica is too slow. */
const defaults = settleEjection({ ejection: { latencyFactor: 4 } })?.policy as EjectionPolicy;

function createPlayer(): Player {
  let state = nobodyEjected(defaults);
  let nowMs = 0;
  const streaks = new Map<string, Streak>();

  function take(event: EjectionEvent): string[] {
    const before = state;
    const step = reduce(state, event, nowMs);
    state = step.state;
    const names = [...new Set([...before.standings.keys(), ...state.standings.keys()])];
    const changes = names
      .filter((name) => before.standings.has(name) && accepts(before, name) !== accepts(state, name))
      .map((name) => `  ${name} ${accepts(state, name) ? "accepts" : "accepts nothing"}`);
    const told = step.effects.map((effect) =>
      effect.type === "log"
        ? `  ${effect.level}: ${effect.message}`
        : `  counted: ${effect.type} (${effect.cause})`,
    );
    return [...told, ...changes];
  }

  /** As the shell does: a bad answer lengthens the streak, and the reducer judges it. */
  function outcome(name: string, code: number): string[] {
    if (code !== 0 && code < 500) {
      streaks.delete(name);
      return take({ type: "succeeded", name });
    }
    const streak = lengthened(streaks.get(name) ?? noStreak, code);
    streaks.set(name, streak);
    const told = take({ type: "failed", name, streak });
    if (told.length > 0) streaks.delete(name);
    return told;
  }

  function wait(ms: number): string[] {
    const untilMs = nowMs + ms;
    const told: string[] = [];
    for (let atMs = nextDeadlineMs(state); atMs <= untilMs; atMs = nextDeadlineMs(state)) {
      nowMs = atMs;
      told.push(...take({ type: "clock" }).map((line) => `${line}  [at ${nowMs / 1000} s]`));
    }
    nowMs = untilMs;
    return told;
  }

  const times = (count: string | undefined, act: () => string[]): string[] =>
    Array.from({ length: Number(count ?? 1) }, act).flat();

  return (line) => {
    const [first = "", second = "", ...rest] = line.split(" ");
    if (first === "replicas") return [second, ...rest].flatMap((name) => take({ type: "joined", name }));
    if (first === "wait") return wait(Number(second) * 1000);
    if (first === "down") return take({ type: "down", count: Number(second) });
    if (first === "set") {
      state = { ...state, policy: { ...state.policy, [second]: Number(rest[0]) } };
      return [];
    }
    if (first === "window") return take({ type: "window", readings: [second, ...rest].map(reading) });
    if (first === "show") return show();
    const repeated = rest.at(-1)?.replace(/^x/, "");
    if (second === "answers")
      return times(rest.length > 1 ? repeated : "1", () => outcome(first, Number(rest[0])));
    if (second === "fails") return times(repeated, () => outcome(first, 0));
    if (second === "leaves") return take({ type: "left", name: first });
    if (second === "asked") return take({ type: "asked", name: first });
    throw new Error(`no such command: ${line}`);
  };

  function show(): string[] {
    return [...state.standings].map(
      ([name, { phase, ejections }]) =>
        `  ${name}: ${phase}, ${accepts(state, name) ? "accepts" : "accepts nothing"}, ejections ${ejections}`,
    );
  }
}

/** `S1=120@8`: 120 answers, p95 8 ms. */
function reading(text: string): { name: string; requests: number; p95Ms: number } {
  const [, name, requests, p95Ms] = /^(\w+)=(\d+)@(\d+)$/.exec(text) ?? [];
  return { name: name as string, requests: Number(requests), p95Ms: Number(p95Ms) };
}
