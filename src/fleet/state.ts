// What a fleet remembers, what can happen to it, and what it then asks for: the three types around the reducer in
// lifecycle.ts, and the questions one can ask a state. Plain data: no clock, no process, no randomness.
import type { DesiredReplica, FleetChange, Replica } from "./fleet.ts";
import type { Address, LaunchSpec, Program } from "./launcher.ts";
import {
  firstRevision,
  type PastRollout,
  type Revision,
  type Rollout,
  type RolloutPlan,
  type StoredRevisions,
} from "./revision.ts";

/** One replica's life. What {@link Replica} shows, and what only the lifecycle needs. All times in ms. */
export interface Life extends Replica {
  /** Unique for ever. A failed start keeps it; a replacement is another life. */
  readonly id: number;
  /** Order in which it joined the ring; 0: not yet. */
  readonly joined: number;
  /** Its launch under way, also unique for ever; 0: none (it waits for {@link retryAtMs}). */
  readonly run: number;
  /** Good and failed probes in a row; one of them is always 0. */
  readonly good: number;
  readonly missed: number;
  /** What the last failed probe said. */
  readonly lastMiss: string;
  /** Failed starts and quick deaths in a row on this seat; see backoff.ts. */
  readonly strikes: number;
  /** The trouble last reported in words, so that it is reported once; empty: none. */
  readonly trouble: string;
  /** When to launch; only while `run` is 0. */
  readonly retryAtMs: number;
  /** Not healthy by then: killed. */
  readonly startByMs: number;
  /** Draining: asked to stop at the latest then, and killed then. */
  readonly stopAtMs: number;
  readonly killAtMs: number;
  readonly asked: "nothing" | "stop" | "kill";
  /** Dead because it hung, or starting in place of one that hung: it holds one of the kills allowed at once. */
  readonly hung: boolean;
  /** How it uses too much memory, in words: drained as soon as a spare can take its seat. Empty: it does not. */
  readonly outgrown: string;
  /** Since when it has been healthy (misses that it recovered from included). */
  readonly provenFromMs: number;
  /** The `add` under way that started it; 0: none. It joins the ring together with the others of its batch. */
  readonly batch: number;
  /** Why its start under way was given up, in words: its process is being killed, then it is tried again. Empty: it was not. */
  readonly givenUp: string;
  readonly program: Program;
  /** The seat that it is to take over, healthy first; 0: none. Such a one is an understudy, and has no seat yet. */
  readonly relieves: number;
  /** The `restart` under way for which it is an understudy; 0: none, a roll-out's. */
  readonly renewal: number;
  /** It took its seat in a roll-out and is watched until then; 0: it is not. */
  readonly watchedUntilMs: number;
}

/** The first replicas: settled when each is healthy, has failed once, or was removed. An `add` does not wait for them. */
export interface FirstBatch {
  readonly id: number;
  /** Lives not settled yet. */
  readonly lives: readonly number[];
}

/** Replicas of one `add`: all become healthy, or all are rolled back. */
export interface Batch {
  readonly id: number;
  /** In the order given. */
  readonly lives: readonly number[];
  readonly deadlineMs: number;
}

/** By what a fleet lives. An event of type `policy` changes it. */
export interface FleetPolicy {
  readonly warm: number;
  readonly fixed: boolean;
  readonly downAfter: number;
  readonly upAfter: number;
  readonly drainMs: number;
  readonly startDeadlineMs: number;
  readonly addDeadlineMs: number;
  readonly weightOf: (seat: number) => number;
}

export interface FleetState {
  readonly policy: FleetPolicy;
  /** By id, in order of birth. Invariant: among starting, healthy and down ones no seat but 0 occurs twice. */
  readonly lives: ReadonlyMap<number, Life>;
  readonly first: FirstBatch | null;
  readonly batch: Batch | null;
  /** What new replicas run, a roll-out's apart. */
  readonly revision: Revision;
  readonly rollout: Rollout | null;
  readonly pastRollout: PastRollout | null;
  readonly stopping: boolean;
  /** The last numbers given out. */
  readonly lastId: number;
  readonly lastRun: number;
  readonly lastJoined: number;
  readonly lastRevision: number;
  /** Strikes that the next spare inherits: a spare that is used up by quick deaths is not renewed at full speed. */
  readonly spareStrikes: number;
  readonly respawns: number;
  readonly heartbeatFailures: number;
  readonly rolloutsComplete: number;
  readonly rolloutsRolledBack: number;
}

/** What can happen. `entropy`: 32 random bits, the only chance that the lifecycle knows. */
export type FleetEvent = { readonly entropy: number } & (
  | { readonly type: "start"; readonly batch: number; readonly replicas: readonly DesiredReplica[] }
  | {
      readonly type: "add";
      readonly batch: number;
      readonly count: number;
      readonly names: readonly string[];
    }
  /** The replica of that name, which is wanted, counts for so much from now on; so does whoever follows on its seat. */
  | { readonly type: "weigh"; readonly name: string; readonly weight: number }
  | { readonly type: "remove"; readonly count: number; readonly names: readonly string[] }
  | { readonly type: "policy"; readonly policy: Partial<FleetPolicy> }
  | { readonly type: "rollout"; readonly change: Program; readonly plan: RolloutPlan }
  /** The roll-out under way goes back. */
  | { readonly type: "abort"; readonly reason: string }
  /** The replica of that name, which is wanted, is to be replaced, healthy first. */
  | { readonly type: "renew"; readonly batch: number; readonly name: string }
  /** A replica fails its requests. */
  | { readonly type: "faulty"; readonly id: number; readonly reason: string }
  | {
      readonly type: "launched";
      readonly run: number;
      readonly address: Address;
      readonly pid: number | null;
    }
  | { readonly type: "exited"; readonly run: number; readonly reason: string }
  | { readonly type: "answered"; readonly run: number }
  /** `enough`: this one miss takes it out of the ring (a connection to it was refused). */
  | { readonly type: "missed"; readonly run: number; readonly reason: string; readonly enough: boolean }
  | { readonly type: "outgrown"; readonly run: number; readonly reason: string }
  /** A draining replica has no request in flight. */
  | { readonly type: "idle"; readonly id: number }
  | { readonly type: "stop"; readonly deadlineMs: number }
  /** A deadline has passed; see {@link nextDeadlineMs}. */
  | { readonly type: "tick" }
);

/** What the shell shall do, in this order. */
export type Effect =
  | { readonly type: "change"; readonly change: Omit<FleetChange, "more"> }
  | { readonly type: "launch"; readonly run: number; readonly spec: LaunchSpec }
  /** A roll-out has begun, turned back or ended. */
  | { readonly type: "rollout" }
  | { readonly type: "stop" | "kill"; readonly run: number }
  | {
      readonly type: "settled";
      readonly batch: number;
      readonly outcome: "healthy" | "failed" | "timeout" | "stopping";
      readonly reason: string;
    }
  | {
      readonly type: "log";
      readonly level: "info" | "warn";
      readonly fields: object;
      readonly message: string;
    };

const unrolled: StoredRevisions = { revision: firstRevision, lastRevision: 1, rollout: null };

export function emptyFleet(
  policy: FleetPolicy,
  { revision, lastRevision, rollout }: StoredRevisions = unrolled,
): FleetState {
  return {
    policy,
    lives: new Map(),
    first: null,
    batch: null,
    revision,
    rollout: rollout === null ? null : { ...rollout, fault: "", unsoundFromMs: 0 },
    pastRollout: null,
    stopping: false,
    lastId: 0,
    lastRun: 0,
    lastJoined: 0,
    lastRevision,
    spareStrikes: 0,
    respawns: 0,
    heartbeatFailures: 0,
    rolloutsComplete: 0,
    rolloutsRolledBack: 0,
  };
}

type Lives = Pick<FleetState, "lives">;

function livesWhere(state: Lives, wanted: (life: Life) => boolean): Life[] {
  return [...state.lives.values()].filter(wanted);
}

/** Starting, healthy or down: it is meant to stay. */
export function isWanted(life: Life): boolean {
  return life.state !== "draining" && life.state !== "dead";
}

/** The lives that hold a seat: as many as there should be replicas. */
export function holders(state: Lives): Life[] {
  return livesWhere(state, (life) => life.seat > 0 && isWanted(life));
}

/** What there should be, for those who keep it; an `add` under way may still be rolled back. */
export function desiredOf(state: Lives): Required<DesiredReplica>[] {
  return holders(state)
    .filter((life) => life.batch === 0)
    .sort(
      (a, b) =>
        (a.joined || Number.POSITIVE_INFINITY) - (b.joined || Number.POSITIVE_INFINITY) || a.id - b.id,
    )
    .map(({ name, seat, weight, revision }) => ({ name, seat, weight, revision }));
}

export function sparesOf(state: Lives): Life[] {
  return livesWhere(state, (life) => life.seat === 0 && life.relieves === 0 && isWanted(life));
}

export function understudiesOf(state: Lives): Life[] {
  return livesWhere(state, (life) => life.relieves > 0 && isWanted(life));
}

/** In the ring, in the order in which they joined. */
export function servingOf(state: Lives): Life[] {
  return livesWhere(state, (life) => life.seat > 0 && life.state === "healthy").sort(
    (a, b) => a.joined - b.joined,
  );
}

export function lifeOfRun(state: Lives, run: number): Life | undefined {
  for (const life of state.lives.values()) if (life.run === run) return life;
  return undefined;
}

/** Healthy, and its last probe was good: one more good one says nothing new. */
export function isProven(state: Lives, run: number): boolean {
  const life = lifeOfRun(state, run);
  return life?.state === "healthy" && life.missed === 0;
}

/** When a healthy understudy may take its seat; one that somebody waits for, at once. */
export function settledAtMs({ renewal, provenFromMs }: Life, rollout: Rollout | null): number {
  return renewal > 0 ? provenFromMs : provenFromMs + (rollout?.plan.settleMs ?? 0);
}

/** When the next `tick` is due; Infinity: only an event can change anything. */
export function nextDeadlineMs(state: FleetState): number {
  const { rollout } = state;
  let next = state.batch?.deadlineMs ?? Number.POSITIVE_INFINITY;
  if (rollout !== null && rollout.unsoundFromMs > 0)
    next = Math.min(next, rollout.unsoundFromMs + rollout.plan.deadlineMs);
  for (const life of state.lives.values()) next = Math.min(next, deadlineOf(life, rollout));
  return next;
}

function deadlineOf(life: Life, rollout: Rollout | null): number {
  if (life.state === "starting") return life.run === 0 ? life.retryAtMs : life.startByMs;
  if (life.state === "healthy" && life.watchedUntilMs > 0) return life.watchedUntilMs;
  if (life.state === "healthy" && life.relieves > 0) return settledAtMs(life, rollout);
  if (life.state !== "draining" || life.asked === "kill") return Number.POSITIVE_INFINITY;
  return life.asked === "nothing" ? life.stopAtMs : life.killAtMs;
}
