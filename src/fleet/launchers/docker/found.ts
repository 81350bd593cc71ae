// What an earlier front door of the same fleet has left, and what of it there should be again. Pure: containers in,
// desired replicas out.
import type Docker from "dockerode";
import type { FoundFleet } from "../../launcher.ts";
import { label } from "./container-spec.ts";

/** One container of our fleet, as the engine lists it. */
export interface FoundContainer {
  readonly id: string;
  /** The replica's name. */
  readonly name: string;
  /** When it was started; 0: as a spare. */
  readonly seat: number;
  /** `running`, perhaps paused; `made`, and not started yet. */
  readonly state: "made" | "running" | "ended";
  /** How it ended, in words; empty: it has not. */
  readonly end: string;
  /** Its fingerprint: equal when it was started just as one would be started now. */
  readonly spec: string;
  /** How many replicas the configuration asked for then. */
  readonly replicasConfigured: number;
  /** Unix time. */
  readonly createdS: number;
}

export function foundContainer({ Id, Labels, State, Status, Created }: Docker.ContainerInfo): FoundContainer {
  const state =
    State === "running" || State === "paused" ? "running" : State === "created" ? "made" : "ended";
  return {
    id: Id,
    name: Labels[label.replica] ?? "",
    seat: wholeNumber(Labels[label.seat]),
    state,
    end: state === "ended" ? howListed(Status) : "",
    spec: Labels[label.spec] ?? "",
    replicasConfigured: wholeNumber(Labels[label.replicas]),
    createdS: Created,
  };
}

/** A shell's convention, which Docker follows: 128 and more is a signal's number. */
const signalNames: Readonly<Record<number, string>> = {
  129: "SIGHUP",
  130: "SIGINT",
  134: "SIGABRT",
  137: "SIGKILL",
  139: "SIGSEGV",
  143: "SIGTERM",
};

export function howEnded(exitCode: number): string {
  const signal = signalNames[exitCode];
  return signal === undefined ? `exited with code ${exitCode}` : `was ended by ${signal}`;
}

/** From what the engine lists: `Exited (137) 3 seconds ago`. */
function howListed(status: string): string {
  const code = /^Exited \((\d+)\)/.exec(status)?.[1];
  return code === undefined ? `is no longer running (${status.toLowerCase()})` : howEnded(Number(code));
}

function wholeNumber(text: string | undefined): number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : 0;
}

/**
 * Null: nothing was there. One that has died meanwhile counts: had it been removed, its container would be gone. Two
 * on one seat: the one that runs, or the younger one. Spares are kept as replicas for seats that nobody holds, the
 * oldest first, up to the count that was configured: a spare that took a seat still bears a spare's label.
 */
export function fleetFrom(found: readonly FoundContainer[]): FoundFleet | null {
  const newest = [...found].sort(byAge).at(-1);
  if (newest === undefined) return null;
  const { replicasConfigured } = newest;
  const seats = new Map<number, FoundContainer>();
  for (const container of found.filter(({ seat }) => seat > 0).sort(byClaim)) {
    seats.set(container.seat, container);
  }
  const spares = found.filter(({ seat, state }) => seat === 0 && state === "running").sort(byAge);
  for (const spare of spares.slice(0, Math.max(0, replicasConfigured - seats.size))) {
    seats.set(lowestFree(seats), spare);
  }
  const joined = [...seats].sort(([, a], [, b]) => byAge(a, b));
  return { replicas: joined.map(([seat, { name }]) => ({ name, seat })), replicasConfigured };
}

function byAge(a: FoundContainer, b: FoundContainer): number {
  return a.createdS - b.createdS || a.seat - b.seat;
}

/** Whoever has the better claim to a seat comes last. */
function byClaim(a: FoundContainer, b: FoundContainer): number {
  return Number(a.state === "running") - Number(b.state === "running") || byAge(a, b);
}

function lowestFree(seats: ReadonlyMap<number, unknown>): number {
  let seat = 1;
  while (seats.has(seat)) seat += 1;
  return seat;
}
