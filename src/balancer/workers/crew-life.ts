// The life of the workers as a pure function: (state, event, nowMs) → { state, effects }. A roll starts a new generation
// beside the old one; when all of it is ready the old one leaves. The first opening is a roll from nothing. A worker
// that ends by itself is replaced, at once at first and then ever more slowly.
//
//   starting ── ready ──▶ serving ── a newer generation is ready ──▶ leaving ──▶ gone
//      └── cannot open, or takes too long: its generation is given up, and the old one stays

export interface CrewState {
  readonly size: number;
  /** The generation that serves; 0: none yet. */
  readonly generation: number;
  /** The generation that starts beside it; null: no roll is under way. */
  readonly rollingTo: number | null;
  readonly workers: ReadonlyMap<number, WorkerLife>;
  /** Ended by themselves soon after their start, one after another. */
  readonly strikes: number;
  /** When the missing ones are started; Infinity: none is missing, or at once. */
  readonly retryAtMs: number;
  readonly leaving: boolean;
  readonly lastId: number;
}

interface WorkerLife {
  readonly generation: number;
  readonly phase: "starting" | "serving" | "leaving";
  readonly sinceMs: number;
}

export type CrewEvent =
  | { readonly type: "roll" }
  | { readonly type: "ready"; readonly id: number }
  | { readonly type: "exited"; readonly id: number; readonly reason: string }
  | { readonly type: "clock" }
  /** All leave, and nobody is replaced. */
  | { readonly type: "leave" };

export type CrewEffect =
  | { readonly type: "fork" | "leave" | "kill"; readonly id: number }
  | { readonly type: "rolled"; readonly problem: string | null }
  | { readonly type: "lost"; readonly id: number; readonly reason: string };

/** A worker that is not ready by then is given up. In ms. */
export const readyMsMax = 30_000;
/** One that has served for so long has proved itself. In ms. */
const provenAfterMs = 10_000;
const pauseMsMax = 5_000;

export function emptyCrew(size: number): CrewState {
  return {
    size,
    generation: 0,
    rollingTo: null,
    workers: new Map(),
    strikes: 0,
    retryAtMs: Number.POSITIVE_INFINITY,
    leaving: false,
    lastId: 0,
  };
}

/** When the next `clock` is due. */
export function nextClockMs(state: CrewState): number {
  const starting = [...state.workers.values()].filter(({ phase }) => phase === "starting");
  return Math.min(state.retryAtMs, ...starting.map(({ sinceMs }) => sinceMs + readyMsMax));
}

interface Draft {
  state: CrewState;
  readonly effects: CrewEffect[];
  readonly nowMs: number;
}

export function reduce(state: CrewState, event: CrewEvent, nowMs: number) {
  const draft: Draft = { state, effects: [], nowMs };
  switch (event.type) {
    case "roll":
      beginRoll(draft);
      break;
    case "ready":
      ready(draft, event.id);
      break;
    case "exited":
      exited(draft, event.id, event.reason);
      break;
    case "clock":
      lookAtClock(draft);
      break;
    case "leave":
      leave(draft);
  }
  return { state: draft.state, effects: draft.effects };
}

/** One at a time: a second one while the first is under way is a mistake of the shell's. */
function beginRoll(draft: Draft): void {
  const { state } = draft;
  if (state.leaving || state.rollingTo !== null) return;
  const rollingTo = state.generation + 1;
  change(draft, { rollingTo });
  for (let count = 0; count < state.size; count += 1) fork(draft, rollingTo);
}

function ready(draft: Draft, id: number): void {
  const life = draft.state.workers.get(id);
  if (life?.phase !== "starting") return;
  put(draft, id, { ...life, phase: "serving", sinceMs: draft.nowMs });
  const { rollingTo, workers, size } = draft.state;
  const fresh = [...workers.values()].filter(
    ({ generation, phase }) => generation === rollingTo && phase === "serving",
  );
  if (rollingTo === null || fresh.length < size) return;
  change(draft, { generation: rollingTo, rollingTo: null, strikes: 0, retryAtMs: Number.POSITIVE_INFINITY });
  dismiss(draft, (old) => old.generation < rollingTo);
  draft.effects.push({ type: "rolled", problem: null });
}

function exited(draft: Draft, id: number, reason: string): void {
  const life = draft.state.workers.get(id);
  if (life === undefined) return;
  const workers = new Map(draft.state.workers);
  workers.delete(id);
  change(draft, { workers });
  if (life.phase === "leaving" || draft.state.leaving) return;
  draft.effects.push({ type: "lost", id, reason });
  if (life.generation === draft.state.rollingTo) giveUp(draft, reason);
  else replace(draft, life);
}

/** The old generation, if there is one, goes on. */
function giveUp(draft: Draft, problem: string): void {
  const { rollingTo, workers } = draft.state;
  for (const [id, life] of workers) {
    if (life.generation !== rollingTo) continue;
    put(draft, id, { ...life, phase: "leaving" });
    draft.effects.push({ type: "kill", id });
  }
  change(draft, { rollingTo: null });
  draft.effects.push({ type: "rolled", problem });
}

function replace(draft: Draft, { phase, sinceMs }: WorkerLife): void {
  const proven = phase === "serving" && draft.nowMs - sinceMs >= provenAfterMs;
  const strikes = proven ? 0 : draft.state.strikes + 1;
  const pauseMs = strikes <= 1 ? 0 : Math.min(pauseMsMax, 100 * 2 ** (strikes - 2));
  change(draft, { strikes, retryAtMs: draft.nowMs + pauseMs });
  if (pauseMs === 0) fillUp(draft);
}

function lookAtClock(draft: Draft): void {
  for (const [id, { phase, sinceMs }] of draft.state.workers) {
    if (phase === "starting" && draft.nowMs >= sinceMs + readyMsMax) draft.effects.push({ type: "kill", id });
  }
  if (draft.nowMs >= draft.state.retryAtMs) fillUp(draft);
}

/** As many of the generation that serves as there should be. */
function fillUp(draft: Draft): void {
  const { generation, size, leaving } = draft.state;
  change(draft, { retryAtMs: Number.POSITIVE_INFINITY });
  if (leaving || generation === 0) return;
  const present = [...draft.state.workers.values()].filter((life) => life.generation === generation);
  for (let count = present.length; count < size; count += 1) fork(draft, generation);
}

function leave(draft: Draft): void {
  change(draft, { leaving: true, retryAtMs: Number.POSITIVE_INFINITY });
  if (draft.state.rollingTo !== null) draft.effects.push({ type: "rolled", problem: "the front door stops" });
  change(draft, { rollingTo: null });
  dismiss(draft, () => true);
}

function dismiss(draft: Draft, whom: (life: WorkerLife) => boolean): void {
  for (const [id, life] of draft.state.workers) {
    if (life.phase === "leaving" || !whom(life)) continue;
    put(draft, id, { ...life, phase: "leaving" });
    draft.effects.push({ type: "leave", id });
  }
}

function fork(draft: Draft, generation: number): void {
  const id = draft.state.lastId + 1;
  change(draft, { lastId: id });
  put(draft, id, { generation, phase: "starting", sinceMs: draft.nowMs });
  draft.effects.push({ type: "fork", id });
}

function put(draft: Draft, id: number, life: WorkerLife): void {
  change(draft, { workers: new Map(draft.state.workers).set(id, life) });
}

function change(draft: Draft, changes: Partial<CrewState>): void {
  draft.state = { ...draft.state, ...changes };
}
