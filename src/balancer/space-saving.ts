// The most frequent keys of a stream in bounded memory: Space-Saving (Metwally, Agrawal & El Abbadi, "Efficient
// Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005). So many counters; a key without one takes
// over the smallest, count and all, and what it took over is remembered as its error. Hence for every key
// count − error ≤ its true count ≤ count, error ≤ total ÷ counters, and no key above total ÷ counters is missing.
//
// The counters are a binary heap, the smallest on top. Counts may be weighted (a sample that stands for several
// requests, a decay); they are not bound to whole numbers.
import type { Key } from "../ring/ring.ts";

export interface SpaceSaving {
  /** Sum of all weights added. */
  readonly total: number;
  add(key: Key, weight: number): void;
  /** Multiplies everything: to keep decaying counts in range. */
  scale(factor: number): void;
  /** In no order. */
  counts(): readonly KeyCount[];
}

export interface KeyCount {
  readonly key: Key;
  readonly count: number;
  /** At most so much of `count` belongs to other keys. */
  readonly error: number;
}

interface Counter {
  key: Key;
  count: number;
  error: number;
  /** Where it stands in the heap. */
  at: number;
}

/** @param keep what to store for a key that gets a counter: a copy, where the key is a piece of something larger */
export function spaceSaving(countersMax: number, keep: (key: Key) => Key = (key) => key): SpaceSaving {
  const byKey = new Map<Key, Counter>();
  const heap: Counter[] = [];
  let total = 0;

  function admit(key: Key, weight: number): void {
    const counter = { key, count: weight, error: 0, at: heap.length };
    heap.push(counter);
    byKey.set(key, counter);
    rise(counter);
  }

  function replaceSmallest(key: Key, weight: number): void {
    const smallest = heap[0] as Counter;
    byKey.delete(smallest.key);
    smallest.key = key;
    smallest.error = smallest.count;
    smallest.count += weight;
    byKey.set(key, smallest);
    sink(smallest);
  }

  function rise(counter: Counter): void {
    while (counter.at > 0) {
      const parent = heap[(counter.at - 1) >> 1] as Counter;
      if (parent.count <= counter.count) return;
      swap(parent, counter);
    }
  }

  function sink(counter: Counter): void {
    for (;;) {
      const left = heap[2 * counter.at + 1];
      const right = heap[2 * counter.at + 2];
      const child = right !== undefined && left !== undefined && right.count < left.count ? right : left;
      if (child === undefined || child.count >= counter.count) return;
      swap(counter, child);
    }
  }

  function swap(a: Counter, b: Counter): void {
    const { at } = a;
    a.at = b.at;
    b.at = at;
    heap[a.at] = a;
    heap[b.at] = b;
  }

  return {
    get total() {
      return total;
    },
    add: (key, weight) => {
      total += weight;
      const known = byKey.get(key);
      if (known !== undefined) {
        known.count += weight;
        sink(known);
      } else if (heap.length < countersMax) admit(keep(key), weight);
      else replaceSmallest(keep(key), weight);
    },
    scale: (factor) => {
      total *= factor;
      for (const counter of heap) {
        counter.count *= factor;
        counter.error *= factor;
      }
    },
    counts: () => heap.map(({ key, count, error }) => ({ key, count, error })),
  };
}
