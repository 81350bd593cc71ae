// The course project's two hash functions, and others to put in their place. Each pair works on the same table: 512
// slots, nine virtual nodes for each server, linear probing.
import { createRing, type Key, type Ring } from "../ring/ring.ts";

export const slots = 512;
export const virtualNodes = 9;

export interface HashPair {
  readonly name: string;
  /** Of a request id; the slot is this modulo 512. */
  readonly request: (id: number) => number;
  /** Of virtual node j of a server. */
  readonly virtualNode: (server: number, j: number) => number;
  /** The source of both, as a config file has it. */
  readonly source: { readonly request: string; readonly virtualNode: string };
}

/** Makes a pair from the very text that the experiment's config file gives to the front door. */
function pair(name: string, request: string, virtualNode: string): HashPair {
  // The text is ours, below: this is how the measured fleet and the arithmetic surely use the same function.
  const made = (text: string) => new Function(`return (${text});`)() as (...numbers: number[]) => number;
  return { name, request: made(request), virtualNode: made(virtualNode), source: { request, virtualNode } };
}

/** Bob Jenkins' and Thomas Wang's tradition, in Chris Wellons' constants ("lowbias32", 2018). */
const mix = (seed: string) =>
  `{ let h = (${seed}) >>> 0; h = Math.imul(h ^ (h >>> 16), 0x21f0aaad); h = Math.imul(h ^ (h >>> 15), 0x735a2d97); return (h ^ (h >>> 15)) >>> 0; }`;

export const hashPairs: readonly [HashPair, ...HashPair[]] = [
  pair("course: i²+2i+17, i²+j²+2j+25", "(i) => i * i + 2 * i + 17", "(i, j) => i * i + j * j + 2 * j + 25"),
  pair("identity: i, 57i+j·57·3", "(i) => i", "(i, j) => 57 * i + 171 * j"),
  pair(
    "multiplicative (Knuth)",
    "(i) => Math.imul(i, 2654435769) >>> 23",
    "(i, j) => Math.imul(i * 64 + j, 2654435769) >>> 23",
  ),
  pair("mixed (lowbias32)", `(i) => ${mix("i")}`, `(i, j) => ${mix("i * 1000003 + j")}`),
];

/** The course's ring with another pair of hashes. */
export function ringWith(hashes: HashPair, servers: readonly number[]): Ring {
  return createRing({
    placement: "assignment",
    slots,
    virtualNodes,
    members: servers.map((seat) => ({ seat })),
    requestHash: (key: Key) => hashes.request(Number(key)),
    virtualNodeHash: hashes.virtualNode,
  });
}

/** How many of the 512 slots six-digit request ids reach. */
export function slotsReached(request: (id: number) => number): number {
  const reached = new Set<number>();
  for (let id = 100_000; id <= 999_999; id++) reached.add(request(id) % slots);
  return reached.size;
}
