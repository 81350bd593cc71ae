// The ring as a picture needs it: its slots gathered into at most 2,048 cells, each with the parts that seats have in it.
// Nothing is rounded away: a cell tells of every seat that owns a slot of it, and of how many.
import { RoundhouseError } from "../errors.ts";
import type { Ring } from "../ring/ring.ts";
import type { RoutingTable } from "./routing-table.ts";

/** `GET /api/v1/ring?cells=512`. */
export interface RingReport {
  readonly placement: string;
  readonly slots: number;
  /** Changes of the ring since the start: another number, another picture. */
  readonly changes: number;
  readonly members: readonly RingMember[];
  /**
   * Pairs, flat: the index of a member, and how many of the cell's slots it owns. Cell i has the slots from
   * ⌊i · slots ÷ cells⌋ on. Empty when nobody is on the ring, or no key decides.
   */
  readonly cells: readonly (readonly number[])[];
  /** True: slots were counted. False: the placement has no table, and this many points of each cell were tried. */
  readonly exact: boolean;
  readonly pointsPerCell: number;
}

export interface RingMember {
  readonly seat: number;
  /** Null: nobody serves there now. */
  readonly replica: string | null;
  readonly weight: number;
  /** Of the key space, 0…1. */
  readonly share: number;
}

/** `GET /api/v1/ring/slots?from=0&count=64`. */
export interface SlotsReport {
  readonly from: number;
  /** The seat that owns each; past the last slot it goes on from the first. */
  readonly seats: readonly number[];
}

export const cellsMax = 2_048;
const cellsDefault = 512;
/** Pairs in a picture; where there would be more, it has fewer cells. Some 300 KB of JSON. */
const pairsMax = 32_768;
/** Tried in each cell where there is no table. */
const pointsPerCell = 64;
const slotsShownMax = 1_024;

export function ringPicture(table: RoutingTable, query: URLSearchParams): RingReport {
  const { ring } = table.current;
  const shares = table.ring.shares();
  const names = new Map(table.current.replicas.map(({ seat, name }) => [seat, name]));
  const exact = hasTable(ring);
  const wanted = Math.min(wholeNumber(query, "cells", cellsDefault, cellsMax), exact ? ring.slots : cellsMax);
  return {
    placement: ring.placement,
    slots: ring.slots,
    changes: table.ring.changes,
    members: ring.members.map(({ seat, weight }) => ({
      seat,
      replica: names.get(seat) ?? null,
      weight,
      share: shares.get(seat) ?? 0,
    })),
    cells: cellsOf(ring, wanted, exact),
    exact,
    pointsPerCell: exact ? 0 : pointsPerCell,
  };
}

export function slotsReport({ current: { ring } }: RoutingTable, query: URLSearchParams): SlotsReport {
  if (!hasTable(ring)) throw bad(`The placement ${ring.placement} has no table of slots`);
  const from = wholeNumber(query, "from", 0, ring.slots - 1, 0);
  const count = Math.min(wholeNumber(query, "count", 64, slotsShownMax), ring.slots);
  return { from, seats: Array.from({ length: count }, (_, i) => ring.ownerOf((from + i) % ring.slots)) };
}

/** The others are functions of the hash: `slots` counts something else there. */
function hasTable({ placement }: Ring): boolean {
  return placement !== "ketama" && placement !== "jump";
}

function cellsOf(ring: Ring, wanted: number, exact: boolean): number[][] {
  const { members } = ring;
  if (members.length === 0) return [];
  let cells = wanted;
  const pairs = () => cells * Math.min(members.length, exact ? ring.slots / cells : pointsPerCell);
  while (pairs() > pairsMax && cells > 16) cells = Math.ceil(cells / 2);
  const indexes = new Map(members.map(({ seat }, index) => [seat, index]));
  const counts = new Uint32Array(members.length);
  const spread = exact ? ring.slots : 2 ** 32;
  return Array.from({ length: cells }, (_, cell) => {
    const begin = Math.floor((cell * spread) / cells);
    const end = Math.floor(((cell + 1) * spread) / cells);
    const step = exact ? 1 : (end - begin) / pointsPerCell;
    for (let point = begin; point < end; point += step) {
      const index = indexes.get(ring.ownerOf(Math.floor(point))) as number;
      counts[index] = (counts[index] as number) + 1;
    }
    return takeCounts(counts);
  });
}

/** Gives those that are not zero as pairs, and sets them to zero. */
function takeCounts(counts: Uint32Array): number[] {
  const pairs: number[] = [];
  for (let index = 0; index < counts.length; index++) {
    if (counts[index] === 0) continue;
    pairs.push(index, counts[index] as number);
    counts[index] = 0;
  }
  return pairs;
}

function wholeNumber(query: URLSearchParams, name: string, otherwise: number, max: number, min = 1): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw bad(
    `${name} is ${JSON.stringify(text.slice(0, 40))}; a whole number from ${min} to ${max} is needed`,
  );
}

function bad(message: string): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", message, { source: "downstream" });
}
