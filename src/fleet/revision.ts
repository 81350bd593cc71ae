// What replicas run, numbered: each roll-out makes a revision. The types of a roll-out, and what one can ask of a state;
// what happens in it is in rollout.ts.
import type { Program } from "./launcher.ts";

export interface Revision {
  /** 1 at first. Never used twice, also when its roll-out failed. */
  readonly number: number;
  readonly program: Program;
}

/** How a roll-out proceeds. */
export interface RolloutPlan {
  /** Seats that are changed over at a time; as many more servers run meanwhile. Default max(1, N/4). */
  readonly batch: number;
  /** So long a new replica stays healthy before it takes its seat, and then again with requests, in ms; default 1000. */
  readonly settleMs: number;
  /** For a new replica to become healthy, in ms; default: the fleet's `startDeadlineMs`. */
  readonly deadlineMs: number;
}

/** A roll-out under way. */
export interface Rollout {
  readonly to: Revision;
  readonly plan: RolloutPlan;
  /** `back`: what was changed over returns to the fleet's revision. */
  readonly phase: "forward" | "back";
  /** Why it goes back, in words; empty while it goes forward. */
  readonly reason: string;
  /** In ms since the Unix epoch. */
  readonly startedMs: number;
  /** What is wrong with the new revision, in words, seen in this turn; empty: nothing. */
  readonly fault: string;
  /** Since when a replica that had proved itself is not healthy; 0: all are. */
  readonly unsoundFromMs: number;
}

/** The last roll-out that ended. */
export interface PastRollout extends Pick<Rollout, "to" | "plan" | "reason" | "startedMs"> {
  readonly outcome: "complete" | "rolled back";
  readonly endedMs: number;
}

/** What people and programs are told. */
export interface RolloutReport {
  /** `none`: there was none since the start; `forward` and `back`: it is under way. */
  readonly state: "none" | Rollout["phase"] | PastRollout["outcome"];
  /** What the fleet runs when no roll-out is under way. */
  readonly current: Revision;
  /** What the roll-out (under way, or the last) brings. */
  readonly next: Revision | null;
  readonly plan: RolloutPlan | null;
  /** Seats there are, and seats that have what the roll-out's direction wants. */
  readonly seats: number;
  readonly done: number;
  /** Why it went back, in words; else empty. */
  readonly reason: string;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
}

/** What survives a restart of the front door. */
export interface StoredRevisions {
  readonly revision: Revision;
  readonly lastRevision: number;
  readonly rollout: Pick<Rollout, "to" | "plan" | "phase" | "reason" | "startedMs"> | null;
}

/** What the launcher was configured with. */
export const firstRevision: Revision = { number: 1, program: {} };

/** For people: `node server.js`, `image web:2`. */
export function programText({ image, command }: Program): string {
  const parts = [...(image === undefined ? [] : [`image ${image}`]), ...(command ?? [])];
  return parts.length === 0 ? "the program as configured" : parts.join(" ");
}
