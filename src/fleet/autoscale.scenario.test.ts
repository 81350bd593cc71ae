// The scenarios in testdata/autoscale/scenarios.txt: what is decided, by a reading each second.
import { fileURLToPath } from "node:url";
import {
  type AutoscalePolicy,
  type AutoscaleReading,
  type AutoscaleState,
  beginAutoscale,
  reduce,
} from "./autoscale.ts";
import type { LoadSignals } from "./load-opinions.ts";
import { type Player, testScenarios } from "./scenarios.test.ts";

testScenarios(fileURLToPath(new URL("./testdata/autoscale/scenarios.txt", import.meta.url)), createPlayer);

const defaults: AutoscalePolicy = {
  min: 1,
  max: 8,
  targets: { inFlight: 5 },
  toleranceRatio: 0.1,
  stepRatioMax: 2,
  upCooldownMs: 3_000,
  downCooldownMs: 15_000,
  stabilizationMs: 60_000,
  idleMs: 60_000,
};

const noLoad: LoadSignals = { inFlight: 0, requestsPerS: 0, p95Ms: 0, answers: 100, cpuCores: [] };

/** A fleet that does as it is told: a replica takes `startTicks` readings to start. */
function createPlayer(): Player {
  let state: AutoscaleState = beginAutoscale(defaults);
  let nowS = 0;
  let wanted = 1;
  let signals = noLoad;
  let held = 0;
  let starting = 0;
  let startTicks = 0;
  let startsFail = false;
  let growing: { to: number; ticks: number } | null = null;
  let outcome: AutoscaleReading["outcome"] = null;
  let lastWords = "";

  function tick(): string[] {
    nowS += 1;
    grow();
    const { inFlight, requestsPerS } = signals;
    const busy = held > 0 || inFlight !== 0 || requestsPerS !== 0;
    const changing = growing !== null;
    const serving = wanted - starting;
    const reading = { wanted, serving, starting, changing, outcome, busy, held, signals };
    outcome = null;
    const step = reduce(state, reading, nowS * 1000);
    state = step.state;
    const { decision, words } = step;
    if (decision === null) {
      if (words.replaceAll(/\d+\.\d s/g, "") === lastWords) return [];
      lastWords = words.replaceAll(/\d+\.\d s/g, "");
      return [`  ${nowS} s: stays at ${wanted}: ${words}`];
    }
    lastWords = "";
    if (decision.to > wanted) growing = { to: decision.to, ticks: startTicks };
    else wanted = decision.to;
    grow();
    return [`  ${nowS} s: ${decision.from} → ${decision.to} (${decision.cause}): ${decision.reason}`];
  }

  function grow(): void {
    if (growing === null) return;
    growing.ticks -= 1;
    if (growing.ticks > 0) return;
    if (!startsFail) {
      wanted = growing.to;
      held = 0;
    }
    outcome = startsFail ? "failed" : "done";
    growing = null;
  }

  return (line) => {
    const [word = "", ...rest] = line.split(" ");
    const value = rest.at(-1) ?? "";
    const figure = value === "unknown" ? null : Number(value);
    switch (word) {
      case "policy":
        state = { ...state, policy: changed(state.policy, rest) };
        return [];
      case "replicas":
        wanted = Number(value);
        return [];
      case "in-flight":
        signals = { ...signals, inFlight: figure };
        return [];
      case "requests/s":
        signals = { ...signals, requestsPerS: figure };
        return [];
      case "p95":
        signals = { ...signals, p95Ms: figure };
        return [];
      case "answers":
        signals = { ...signals, answers: Number(value) };
        return [];
      case "cpu":
        signals = { ...signals, cpuCores: rest.map((each) => (each === "unknown" ? null : Number(each))) };
        return [];
      case "held":
        held = Number(value);
        return [];
      case "starting":
        starting = Number(value);
        return [];
      case "a": // a start takes N s
        startTicks = Number(rest.at(-2));
        return [];
      case "starts":
        startsFail = value === "fail";
        return [];
      case "wait":
        return Array.from({ length: Number(rest[0]) }).flatMap(() => tick());
      default:
        throw new Error(`the scenario says "${line}"`);
    }
  };
}

/** `min=0 inFlight=5`: options by their names, and targets, which replace those there were. */
function changed(policy: AutoscalePolicy, words: readonly string[]): AutoscalePolicy {
  const settings = words.map((word) => word.split("=") as [string, string]);
  const of = (isOption: boolean) =>
    Object.fromEntries(
      settings.filter(([name]) => name in policy === isOption).map(([name, value]) => [name, Number(value)]),
    );
  const targets = of(false);
  return { ...policy, ...of(true), ...(Object.keys(targets).length > 0 ? { targets } : {}) };
}
