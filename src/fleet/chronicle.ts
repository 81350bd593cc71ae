// What became of each replica: the states it went through, with times and reasons, and for those that are gone, why, and
// who took the place after how long. Pure: it is told the fleet's changes. Bounded: the last moments of a life, the last
// lives. It decides nothing; the lifecycle does.
import type { FleetChange, Replica, ReplicaState } from "./fleet.ts";

/** A state that it entered. */
export interface Moment {
  readonly state: ReplicaState;
  /** In ms since the Unix epoch. */
  readonly atMs: number;
  readonly reason: string;
}

/** A replica that is gone. */
export interface Departure {
  readonly name: string;
  readonly seat: number;
  /** Why it left: what it died of, or why it had to drain. */
  readonly reason: string;
  /** When it was first seen, when it was out of the ring for good, and when it was gone. */
  readonly bornMs: number;
  readonly outMs: number;
  readonly goneMs: number;
  /** Its seat was handed on: it died, or was relieved. The seat of one that is removed is not. */
  readonly replaced: boolean;
  /** Who got the seat, and for how long nobody served on it; null until a successor is healthy. */
  readonly successor: { readonly name: string; readonly tookMs: number } | null;
  readonly life: readonly Moment[];
}

export interface Chronicle {
  note(change: FleetChange): void;
  /** The moments of one that lives or is gone, the oldest first; null: nothing is known of it. */
  lifeOf(name: string): readonly Moment[] | null;
  /** Who is gone, the latest first. */
  departures(): readonly Departure[];
  /** How many have gone, those forgotten included. */
  readonly departed: number;
  /** Who had the seat before this one, where this one took it over; null: nobody. */
  predecessorOf(name: string): string | null;
}

export interface ChronicleOptions {
  /** Most departures that are kept; default 100. */
  readonly departuresMax?: number;
  /** Most moments of one life; default 32: who goes up and down for a day shows its last ups and downs. */
  readonly momentsMax?: number;
}

/** A seat that was handed on, and waits for a successor to be healthy. */
interface Vacancy {
  readonly name: string;
  readonly outMs: number;
  successor: Departure["successor"];
}

interface Entry {
  readonly name: string;
  readonly seat: number;
  readonly bornMs: number;
  readonly life: Moment[];
  readonly predecessor: string | null;
  /** Null: nobody is to follow it. */
  vacancy: Vacancy | null;
}

export function createChronicle({ departuresMax = 100, momentsMax = 32 }: ChronicleOptions = {}): Chronicle {
  const living = new Map<string, Entry>();
  /** The oldest first. */
  const gone: Entry[] = [];
  /** By seat, who waits for a healthy successor. */
  const vacancies = new Map<number, Vacancy>();
  /** By seat, who drains since this turn: relieved, if somebody is born on the seat in the same turn; else removed. */
  const givenUp = new Map<number, Entry>();
  let departed = 0;

  function bear({ name, seat, state, sinceMs, reason }: Replica): void {
    const relieved = givenUp.get(seat);
    if (relieved !== undefined) handOn(relieved);
    givenUp.delete(seat);
    const predecessor = vacancies.get(seat)?.name ?? null;
    const life = [{ state, atMs: sinceMs, reason }];
    living.set(name, { name, seat, bornMs: sinceMs, life, predecessor, vacancy: null });
  }

  function handOn(entry: Entry): void {
    const { name, seat, life } = entry;
    entry.vacancy = { name, outMs: wayOut(life).atMs, successor: null };
    vacancies.set(seat, entry.vacancy);
  }

  /** The birth is kept, and the last moments. */
  function live({ name, state, sinceMs, reason }: Replica, from: ReplicaState): void {
    const entry = living.get(name);
    if (entry === undefined) return;
    entry.life.push({ state, atMs: sinceMs, reason });
    if (entry.life.length > momentsMax) entry.life.splice(1, 1);
    if (state === "dead" && from !== "draining") handOn(entry);
    if (state === "draining") givenUp.set(entry.seat, entry);
    if (state === "dead") bury(entry);
  }

  function bury(entry: Entry): void {
    living.delete(entry.name);
    gone.push(entry);
    if (gone.length > departuresMax) gone.shift();
    departed += 1;
  }

  function settle({ name, seat, sinceMs }: Replica): void {
    const vacancy = vacancies.get(seat);
    if (vacancy !== undefined) vacancy.successor = { name, tookMs: Math.max(0, sinceMs - vacancy.outMs) };
    vacancies.delete(seat);
  }

  /** Who still drains without a successor was removed; so was whoever was to follow on that seat. */
  function endTurn(): void {
    for (const seat of givenUp.keys()) vacancies.delete(seat);
    givenUp.clear();
  }

  return {
    note: ({ replica, from, more }) => {
      if (from === null) bear(replica);
      else if (from !== replica.state) live(replica, from);
      if (replica.state === "healthy") settle(replica);
      if (!more) endTurn();
    },
    lifeOf: (name) => (living.get(name) ?? gone.findLast((entry) => entry.name === name))?.life ?? null,
    predecessorOf: (name) => living.get(name)?.predecessor ?? null,
    departures: () => gone.map(departureOf).reverse(),
    get departed() {
      return departed;
    },
  };
}

function departureOf({ name, seat, bornMs, life, vacancy }: Entry): Departure {
  const out = wayOut(life);
  const end = life.at(-1) ?? out;
  return {
    name,
    seat,
    reason: out.state === "down" ? end.reason : out.reason,
    bornMs,
    outMs: out.atMs,
    goneMs: end.atMs,
    replaced: vacancy !== null,
    successor: vacancy?.successor ?? null,
    life,
  };
}

/** The first of the last moments in a row that were not in the ring. A life has at least its birth. */
function wayOut(life: readonly Moment[]): Moment {
  const lastIn = life.findLastIndex(({ state }) => state === "healthy" || state === "starting");
  return (life[lastIn + 1] ?? life.at(-1)) as Moment;
}
