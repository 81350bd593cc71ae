// Who owns which tablet, and how ownership changes hands. A pure reducer: (state, event, nowMs) → state and effects;
// the control plane runs it and does what the effects say, in their order. No clock, no process, no disk here.
//
//                        opened                  close asked (planned move)
//   unowned ──▶ opening ───────▶ owned ──────────────────────▶ closing
//      ▲           │               │                              │ closed
//      │           └───────────────┴── the owner's process ───────┤
//      └──────────────────────────────  has exited  ◀─────────────┘
//      └──▶ quarantined: too many failures in a row; back when an operator releases it
//
// What holds it together:
// 1. A tablet leaves its owner only when the owner says "closed", or when its process *has exited*. A suspicion
//    starts a kill, never a takeover: an environment is not opened while its last owner may live.
// 2. The epoch rises with each "open", and is remembered durably before the open is sent.
// 3. A route names an owner only between its "opened" and the wish to move it; otherwise requests are parked.
// 4. Messages of an earlier epoch, or of a broker that is not the owner, change nothing.
import { type Placed, placeTablets } from "./placement.ts";

export type TabletPhase = "unowned" | "opening" | "owned" | "closing" | "quarantined";

export interface TabletPlace {
  readonly phase: TabletPhase;
  /** The broker whose process may have the tablet open; null exactly when unowned or quarantined. */
  readonly owner: string | null;
  /** True while requests are sent to the owner; only ever in phase "owned". */
  readonly routed: boolean;
  /** Epoch of the last open; only rises. 0: never opened. */
  readonly epoch: number;
  /** When the phase began, ms. */
  readonly sinceMs: number;
  /** Opens and crashes that failed in a row; a tablet that is owned for a while has none. */
  readonly failures: number;
}

export interface BrokerPlace extends Placed {
  /** live: gets tablets. leaving: gives them up, then stops. dying: killed, its exit is awaited. */
  readonly phase: "live" | "leaving" | "dying";
}

export interface Ownership {
  /** By tablet number. */
  readonly tablets: readonly TabletPlace[];
  /** By name; a broker is forgotten when its process has exited. */
  readonly brokers: ReadonlyMap<string, BrokerPlace>;
}

export type OwnershipEvent =
  | { readonly kind: "joined"; readonly broker: string; readonly seat: number }
  | { readonly kind: "leave"; readonly broker: string }
  | { readonly kind: "suspected"; readonly broker: string; readonly reason: string }
  /**
   * The process is gone. `during`: the tablet that it was working on, when that is known; {@link NO_TABLET}: none is to
   * blame. Without it those that it was opening are.
   */
  | { readonly kind: "exited"; readonly broker: string; readonly during?: number }
  | { readonly kind: "opened"; readonly broker: string; readonly tablet: number; readonly epoch: number }
  | { readonly kind: "closed"; readonly broker: string; readonly tablet: number; readonly epoch: number }
  /** It could not be opened, or its disk failed; the broker has let go of it. `foundEpoch`: a higher one was there. */
  | {
      readonly kind: "failed";
      readonly broker: string;
      readonly tablet: number;
      readonly epoch: number;
      readonly reason: string;
      readonly foundEpoch?: number;
    }
  /** An operator lets a quarantined tablet try again. */
  | { readonly kind: "release"; readonly tablet: number }
  | { readonly kind: "tick" };

export type OwnershipEffect =
  /** Make the epoch durable before any later effect. */
  | { readonly kind: "remember"; readonly tablet: number; readonly broker: string; readonly epoch: number }
  | { readonly kind: "open"; readonly tablet: number; readonly broker: string; readonly epoch: number }
  /** Refuse new work, finish the commit under way, close, report. */
  | { readonly kind: "close"; readonly tablet: number; readonly broker: string; readonly epoch: number }
  /** `during`: the tablet that is to blame, when it is known. */
  | { readonly kind: "kill"; readonly broker: string; readonly reason: string; readonly during?: number }
  /** It owns nothing any more and may end. */
  | { readonly kind: "stop"; readonly broker: string }
  /** Where requests for the tablet go; broker null: they wait. */
  | {
      readonly kind: "route";
      readonly tablet: number;
      readonly broker: string | null;
      readonly epoch: number;
    }
  | { readonly kind: "quarantine"; readonly tablet: number; readonly reason: string };

/** Who should own what; placement.ts has the real one. */
export type Placement = (tabletCount: number, brokers: readonly Placed[]) => readonly (string | null)[];

export interface OwnershipStep {
  readonly state: Ownership;
  readonly effects: readonly OwnershipEffect[];
}

/** Nobody's fault: the process was ended from outside. */
export const NO_TABLET = -1;
/** Failures in a row after which a tablet is left alone when the last of them has ended its broker, and others with it. */
export const CRASHES_MAX = 3;
/** The same when its broker has lived on: then another try costs little, and disks come back. */
export const FAILURES_MAX = 6;
/** After one failure a tablet is opened again at once, after two it rests for this long, then twice as long each time. */
export const FIRST_REST_MS = 500;
/** An owner that does not report "closed" by then is killed; the front door parks requests for this long. */
export const CLOSE_DEADLINE_MS = 2000;
/** An owner that does not report "opened" by then is killed: its event loop may be blocked in the open. */
export const OPEN_DEADLINE_MS = 10_000;
/** A tablet owned for this long is healthy again: its failures are forgotten. */
export const HEALTHY_AFTER_MS = 60_000;
/** Planned moves under way at a time, so that few requests wait. */
export const MOVES_MAX = 4;

/** What a control plane starts with; `epochs` by tablet number, as remembered. */
export function createOwnership(epochs: readonly number[], nowMs: number): Ownership {
  const tablets = epochs.map(
    (epoch): TabletPlace => ({
      phase: "unowned",
      owner: null,
      routed: false,
      epoch,
      sinceMs: nowMs,
      failures: 0,
    }),
  );
  return { tablets, brokers: new Map() };
}

/** One event's consequences. Never throws: events about brokers and tablets that do not exist change nothing. */
export function reduceOwnership(
  state: Ownership,
  event: OwnershipEvent,
  nowMs: number,
  place: Placement = placeTablets,
): OwnershipStep {
  const change = new Change(state, nowMs);
  apply(change, event);
  settle(change, place);
  return { state: { tablets: change.tablets, brokers: change.brokers }, effects: change.effects };
}

/** The state being made, and what follows from it. */
class Change {
  readonly tablets: TabletPlace[];
  readonly brokers: Map<string, BrokerPlace>;
  readonly effects: OwnershipEffect[] = [];
  readonly nowMs: number;

  constructor(state: Ownership, nowMs: number) {
    this.tablets = [...state.tablets];
    this.brokers = new Map(state.brokers);
    this.nowMs = nowMs;
  }

  set(tablet: number, place: Partial<TabletPlace>): void {
    const before = this.tablets[tablet];
    if (before === undefined) return;
    const sinceMs = place.phase === undefined || place.phase === before.phase ? before.sinceMs : this.nowMs;
    this.tablets[tablet] = { ...before, sinceMs, ...place };
  }

  /** Tablets of this broker, in any phase. */
  ownedBy(broker: string): number[] {
    return [...this.tablets.keys()].filter((tablet) => this.tablets[tablet]?.owner === broker);
  }

  count(phase: TabletPhase): number {
    return this.tablets.filter((place) => place.phase === phase).length;
  }
}

function apply(change: Change, event: OwnershipEvent): void {
  switch (event.kind) {
    case "joined":
      joined(change, event.broker, event.seat);
      break;
    case "leave":
      leave(change, event.broker);
      break;
    case "suspected":
      kill(change, event.broker, event.reason);
      break;
    case "exited":
      exited(change, event.broker, event.during);
      break;
    case "opened":
      opened(change, event.broker, event.tablet, event.epoch);
      break;
    case "closed":
      if (isOwner(change, event)) change.set(event.tablet, { phase: "unowned", owner: null });
      break;
    case "failed":
      if (isOwner(change, event)) failed(change, event.tablet, event.reason, FAILURES_MAX, event.foundEpoch);
      break;
    case "release":
      if (change.tablets[event.tablet]?.phase === "quarantined") {
        change.set(event.tablet, { phase: "unowned", failures: 0 });
      }
      break;
    case "tick":
      tick(change);
      break;
  }
}

/** Whether a message is of the tablet's present owner and epoch; anything else is late, and ignored. */
function isOwner(
  change: Change,
  { broker, tablet, epoch }: { broker: string; tablet: number; epoch: number },
) {
  const place = change.tablets[tablet];
  return place !== undefined && place.owner === broker && place.epoch === epoch;
}

function joined(change: Change, name: string, seat: number): void {
  if (!change.brokers.has(name)) change.brokers.set(name, { name, seat, phase: "live" });
}

function leave(change: Change, name: string): void {
  const broker = change.brokers.get(name);
  if (broker?.phase === "live") change.brokers.set(name, { ...broker, phase: "leaving" });
}

/** Its tablets are parked at once, but stay its own until its process has exited. */
function kill(change: Change, name: string, reason: string, during?: number): void {
  const broker = change.brokers.get(name);
  if (broker === undefined || broker.phase === "dying") return;
  change.brokers.set(name, { ...broker, phase: "dying" });
  for (const tablet of change.ownedBy(name)) park(change, tablet);
  change.effects.push({ kind: "kill", broker: name, reason, ...(during === undefined ? {} : { during }) });
}

function exited(change: Change, name: string, during: number | undefined): void {
  const broker = change.brokers.get(name);
  if (broker === undefined) return;
  change.brokers.delete(name);
  for (const tablet of change.ownedBy(name)) {
    const place = change.tablets[tablet] as TabletPlace;
    park(change, tablet);
    const blamed = during === undefined ? place.phase === "opening" : during === tablet;
    if (blamed) failed(change, tablet, `broker ${name} ended while it worked on the tablet`, CRASHES_MAX);
    else change.set(tablet, { phase: "unowned", owner: null });
  }
}

function opened(change: Change, broker: string, tablet: number, epoch: number): void {
  if (!isOwner(change, { broker, tablet, epoch }) || change.tablets[tablet]?.phase !== "opening") return;
  const live = change.brokers.get(broker)?.phase === "live";
  change.set(tablet, { phase: "owned", routed: live });
  if (live) change.effects.push({ kind: "route", tablet, broker, epoch });
}

function failed(
  change: Change,
  tablet: number,
  reason: string,
  failuresMax: number,
  foundEpoch?: number,
): void {
  const place = change.tablets[tablet];
  if (place === undefined) return;
  park(change, tablet);
  const epoch = Math.max(place.epoch, foundEpoch ?? 0);
  // A higher epoch on the disk than we remember is our loss of memory, not the tablet's fault.
  const failures = place.failures + (foundEpoch === undefined ? 1 : 0);
  const phase = failures >= failuresMax ? "quarantined" : "unowned";
  change.set(tablet, { phase, owner: null, epoch, failures });
  if (phase === "quarantined") change.effects.push({ kind: "quarantine", tablet, reason });
}

function tick(change: Change): void {
  for (const [tablet, place] of change.tablets.entries()) {
    const ageMs = change.nowMs - place.sinceMs;
    const owner = place.owner ?? "";
    if (place.phase === "closing" && ageMs >= CLOSE_DEADLINE_MS) {
      kill(change, owner, `it did not close tablet ${tablet} within ${CLOSE_DEADLINE_MS} ms`);
    } else if (place.phase === "opening" && ageMs >= OPEN_DEADLINE_MS) {
      kill(change, owner, `it did not open tablet ${tablet} within ${OPEN_DEADLINE_MS} ms`, tablet);
    } else if (place.phase === "owned" && place.failures > 0 && ageMs >= HEALTHY_AFTER_MS) {
      change.set(tablet, { failures: 0 });
    }
  }
}

/** Withdraws the route, if there is one. */
function park(change: Change, tablet: number): void {
  const place = change.tablets[tablet];
  if (place?.routed !== true) return;
  change.set(tablet, { routed: false });
  change.effects.push({ kind: "route", tablet, broker: null, epoch: place.epoch });
}

/** Brings what is towards what should be, as far as it can be done now. */
function settle(change: Change, place: Placement): void {
  const live = [...change.brokers.values()].filter((broker) => broker.phase === "live");
  const wanted = place(change.tablets.length, live);
  for (const [tablet, { phase, owner }] of change.tablets.entries()) {
    const target = wanted[tablet] ?? null;
    if (phase === "unowned" && target !== null && hasRested(change, tablet)) openOn(change, tablet, target);
    else if (phase === "owned" && owner !== null && owner !== target) moveAway(change, tablet, owner);
  }
  for (const broker of change.brokers.values()) stopIfIdle(change, broker);
}

/** A disk that fails for a moment would fail all tries that follow at once. */
function hasRested(change: Change, tablet: number): boolean {
  const { failures, sinceMs } = change.tablets[tablet] as TabletPlace;
  if (failures < 2) return true;
  return change.nowMs - sinceMs >= FIRST_REST_MS * 2 ** (failures - 2);
}

/** A tablet that has failed before is opened only when no other such one is, so that a crash has one suspect. */
function openOn(change: Change, tablet: number, broker: string): void {
  const place = change.tablets[tablet] as TabletPlace;
  const suspects = change.tablets.some((other) => other.phase === "opening" && other.failures > 0);
  if (place.failures > 0 && suspects) return;
  const epoch = place.epoch + 1;
  change.set(tablet, { phase: "opening", owner: broker, epoch });
  change.effects.push({ kind: "remember", tablet, broker, epoch }, { kind: "open", tablet, broker, epoch });
}

function moveAway(change: Change, tablet: number, owner: string): void {
  if (change.brokers.get(owner)?.phase === "dying" || change.count("closing") >= MOVES_MAX) return;
  park(change, tablet);
  change.set(tablet, { phase: "closing" });
  change.effects.push({ kind: "close", tablet, broker: owner, epoch: change.tablets[tablet]?.epoch ?? 0 });
}

/** A leaving broker without a tablet is told to stop; it is then waited for like a dying one. */
function stopIfIdle(change: Change, broker: BrokerPlace): void {
  if (broker.phase !== "leaving" || change.ownedBy(broker.name).length > 0) return;
  change.brokers.set(broker.name, { ...broker, phase: "dying" });
  change.effects.push({ kind: "stop", broker: broker.name });
}
