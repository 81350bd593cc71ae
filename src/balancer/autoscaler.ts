// The shell around fleet/autoscale.ts: takes readings, and has what is decided carried out, in the queue in which all
// changes of the count wait. Nothing else here starts or stops replicas.
import type {
  AutoscaleDecision,
  AutoscaleReading,
  AutoscaleState,
  AutoscaleStep,
} from "../fleet/autoscale.ts";
import { beginAutoscale, reduce } from "../fleet/autoscale.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Opinion } from "../fleet/load-opinions.ts";
import type { Log } from "../telemetry/log.ts";
import type { AutoscaleSettings } from "./autoscale-options.ts";
import type { ChangeQueue } from "./change-queue.ts";
import type { LoadMeter } from "./load-meter.ts";

export interface Autoscaler {
  /** The first replicas have settled: readings are taken from now on. */
  begin(): void;
  /** Goes on by these; null: the count is left alone. */
  reconfigure(settings: AutoscaleSettings | null): void;
  /** A request waits, and nobody serves: decide now. */
  wake(): void;
  /** Null: it is off. */
  report(): AutoscaleReport | null;
  readonly counters: Readonly<AutoscaleCounters>;
  close(): void;
}

/** Decisions since the start. */
export interface AutoscaleCounters {
  up: number;
  down: number;
  /** Of both, those that could not be carried out. */
  failed: number;
}

/** `GET /api/v1/autoscale`. */
export interface AutoscaleReport {
  readonly min: number;
  readonly max: number;
  /** How many there should be, and how many the load asks for. */
  readonly wanted: number;
  readonly recommended: number;
  /** Why it is as it is, in words. */
  readonly words: string;
  /** What each target asks for. */
  readonly opinions: readonly Opinion[];
  /** The last ones, the newest first. */
  readonly decisions: readonly DecisionReport[];
}

export interface DecisionReport extends AutoscaleDecision {
  /** In ms since the Unix epoch. */
  readonly atMs: number;
  /** `superseded`: somebody else changed the count first. */
  readonly outcome: "under way" | "done" | "failed" | "superseded";
}

export interface AutoscalerParts {
  readonly settings: AutoscaleSettings | null;
  readonly fleet: Pick<Fleet, "replicas" | "serving" | "desired" | "add" | "remove">;
  readonly meter: LoadMeter;
  readonly inTurn: ChangeQueue;
  /** Resolves when what there should be now is on disk. */
  readonly saved: () => Promise<void>;
  readonly closing: () => boolean;
  /** In flight is looked at so often between two readings. */
  readonly sampleEveryMs: number;
  readonly log: Pick<Log, "info" | "warn">;
}

const decisionsKept = 50;
/** A replica that has not become healthy for so long is not one that is about to take its part. */
const startPatienceMs = 30_000;

export function createAutoscaler(parts: AutoscalerParts): Autoscaler {
  const { fleet, meter, log } = parts;
  let { settings } = parts;
  let state: AutoscaleState | null = null;
  let latest: AutoscaleStep | null = null;
  let decisions: DecisionReport[] = [];
  const counters: AutoscaleCounters = { up: 0, down: 0, failed: 0 };
  let changing = false;
  let outcome: AutoscaleReading["outcome"] = null;
  let reading: Promise<void> = Promise.resolve();
  let due = false;
  let begun = false;
  let timer: NodeJS.Timeout | undefined;
  let sampler: NodeJS.Timeout | undefined;

  function schedule(): void {
    clearTimeout(timer);
    if (settings !== null && begun && !parts.closing()) timer = setTimeout(turn, settings.intervalMs).unref();
  }

  /** One reading at a time; all who want one while another is taken get the next. */
  function turn(): void {
    if (due) return;
    due = true;
    reading = reading
      .then(() => {
        due = false;
        return takeReading();
      })
      .catch((error: Error) => log.warn({ event: "autoscale", err: error }, "Autoscale has missed a reading"))
      .finally(schedule);
  }

  async function takeReading(): Promise<void> {
    const { signals, busy, held } = await meter.read();
    if (settings === null || parts.closing()) return;
    state ??= beginAutoscale(settings);
    const told = outcome;
    outcome = null;
    const crowd = crowdOf(fleet);
    const step = reduce(state, { ...crowd, changing, outcome: told, busy, held, signals }, performance.now());
    state = step.state;
    // Where the load was not judged, what was asked for last stands.
    const { opinions = [], recommended = step.recommended } = latest ?? {};
    latest = step.opinions.length > 0 ? step : { ...step, opinions, ...(changing ? { recommended } : {}) };
    if (step.decision !== null) void carryOut(step.decision, step.opinions);
  }

  async function carryOut(decision: AutoscaleDecision, opinions: readonly Opinion[]): Promise<void> {
    const { from, to, cause, reason } = decision;
    const figures = Object.fromEntries(opinions.map(({ signal, value }) => [signal, value]));
    log.info(
      { event: "autoscale", from, to, cause, figures },
      `Autoscale: ${from} → ${to} replicas (${cause}): ${reason}`,
    );
    counters[to > from ? "up" : "down"] += 1;
    note({ ...decision, atMs: Date.now(), outcome: "under way" });
    changing = true;
    const ended = await parts.inTurn(() => resize(decision)).catch((error: Error) => failed(decision, error));
    changing = false;
    outcome = ended === "superseded" ? null : ended;
    note({ ...(decisions[0] as DecisionReport), outcome: ended }, true);
    // What has piled up before the newcomers served says nothing about them.
    if (to > from) meter.restart();
    // Who came while the last ones left need not wait for the next reading.
    else turn();
  }

  function failed({ from, to }: AutoscaleDecision, error: Error): "failed" {
    counters.failed += 1;
    log.warn(
      { event: "autoscale", from, to },
      `Autoscale could not go from ${from} to ${to} replicas: ${error.message}`,
    );
    return "failed";
  }

  function note(decision: DecisionReport, again = false): void {
    decisions = [decision, ...decisions.slice(again ? 1 : 0)].slice(0, decisionsKept);
  }

  async function resize({ from, to }: AutoscaleDecision): Promise<"done" | "superseded"> {
    const there = fleet.desired();
    if (there.length !== from || parts.closing()) return "superseded";
    if (to > from) await fleet.add(to - from, []);
    else await fleet.remove(from - to, namesToRemove(there, fleet.serving(), from - to));
    await parts.saved();
    return "done";
  }

  return {
    begin: () => {
      begun = true;
      meter.restart();
      sampler = setInterval(() => void (settings !== null && meter.sample()), parts.sampleEveryMs).unref();
      schedule();
    },
    reconfigure: (next) => {
      if (next === null) state = null;
      else if (state !== null) state = { ...state, policy: next };
      settings = next;
      schedule();
    },
    wake: () => {
      if (begun && settings !== null) turn();
    },
    report: () => {
      if (settings === null) return null;
      const { min, max } = settings;
      const wanted = fleet.desired().length;
      const { recommended = wanted, words = "no reading yet", opinions = [] } = latest ?? {};
      return { min, max, wanted, recommended, words, opinions, decisions };
    },
    counters,
    close: () => {
      clearTimeout(timer);
      clearInterval(sampler);
    },
  };
}

function crowdOf(fleet: AutoscalerParts["fleet"]) {
  const wanted = new Set(fleet.desired().map(({ name }) => name));
  const soon = Date.now() - startPatienceMs;
  const starting = fleet
    .replicas()
    .filter(({ name, state, sinceMs }) => wanted.has(name) && state === "starting" && sinceMs > soon);
  return { wanted: wanted.size, serving: fleet.serving().length, starting: starting.length };
}

/**
 * Those that do not serve; then the highest seats. A fleet grows by the lowest free seats, so what was added last is
 * what goes first, and the ring is again what it was before it grew: keys go back to where their replicas may still
 * know them. (For the placement `jump` no other seat can be taken out without moving many more keys.)
 */
export function namesToRemove(
  there: readonly { readonly name: string; readonly seat: number }[],
  serving: readonly { readonly name: string }[],
  count: number,
): string[] {
  const serves = new Set(serving.map(({ name }) => name));
  const rank = ({ name, seat }: { name: string; seat: number }) =>
    serves.has(name) ? seat : Number.MAX_SAFE_INTEGER;
  return [...there]
    .sort((a, b) => rank(b) - rank(a) || b.seat - a.seat)
    .slice(0, count)
    .map(({ name }) => name);
}
