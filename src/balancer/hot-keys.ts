// Which keys are asked for most, now: a sample of the requests goes into a Space-Saving sketch whose counts decay.
//
// Decay looks forward (Cormode, Shkapenyuk, Srivastava & Xu, "Forward Decay", ICDE 2009): a later request weighs more, by
// e^(λ·age of the sketch), so that old counts need not be touched; they are scaled down together before they overflow.
// A request of now weighs 1 when the counts are read, one a half-life ago ½.
//
// At most about a thousand requests per second are looked at: then one in n, at random distances with mean n, so that
// no pattern in the requests can hide a key. Each stands for n. All others cost one subtraction.

import { keyHash } from "../ring/hash.ts";
import type { Key } from "../ring/ring.ts";
import { spaceSaving } from "./space-saving.ts";

export interface HotKeys {
  /** Sees the key of a request; on the hot path. */
  note(key: Key): void;
  /** The hottest first, at most `count`. */
  top(count: number): HotKeysReading;
}

export interface HotKeysReading {
  /** Requests per second, of all keys. */
  readonly ratePerS: number;
  /** One request in so many is looked at now. */
  readonly sampledOneIn: number;
  readonly keys: readonly HotKey[];
}

export interface HotKey {
  readonly key: Key;
  /** True when `key` is the beginning of a longer one, with its hash instead of the rest. */
  readonly cut: boolean;
  /** Requests per second; up to `errorPerS` of them may have been for other keys. */
  readonly ratePerS: number;
  readonly errorPerS: number;
  /** Of all requests, 0…1. */
  readonly share: number;
}

export interface HotKeysOptions {
  /** Keys that are counted at the same time; more make smaller shares visible. Default 256: shares from 0.4 %. */
  readonly countersMax?: number;
  /** Default 10 s. */
  readonly halfLifeMs?: number;
  readonly clockMs?: () => number;
  /** A number in 0…1, 1 excluded. */
  readonly random?: () => number;
}

const sampledPerSMax = 1000;
const oneInMax = 1024;
/** The distance between samples is adapted after so many. */
const samplesPerLook = 64;
/** Characters of a key that are stored. */
const keyCharsMax = 256;
/** e^50 is far within a double, and counts of 2^50 requests beside it too. */
const exponentMax = 50;

export function createHotKeys(options: HotKeysOptions = {}): HotKeys {
  const { countersMax = 256, halfLifeMs = 10_000, random = Math.random } = options;
  const clockMs = options.clockMs ?? (() => performance.now());
  const decayPerMs = Math.LN2 / halfLifeMs;
  const sketch = spaceSaving(countersMax, ownCopy);
  const beganMs = clockMs();
  let landmarkMs = beganMs;
  let oneIn = 1;
  /** Requests until the next sample. */
  let left = 1;
  let samples = 0;
  let lookedMs = beganMs;

  function sample(key: Key): void {
    const nowMs = clockMs();
    let exponent = decayPerMs * (nowMs - landmarkMs);
    if (exponent > exponentMax) {
      sketch.scale(Math.exp(-exponent));
      landmarkMs = nowMs;
      exponent = 0;
    }
    sketch.add(named(key), oneIn * Math.exp(exponent));
    if (++samples === samplesPerLook) adapt(nowMs);
    left = 1 + Math.floor(random() * (2 * oneIn - 1));
  }

  function adapt(nowMs: number): void {
    const perMs = (samples * oneIn) / Math.max(0.001, nowMs - lookedMs);
    oneIn = Math.min(oneInMax, Math.max(1, Math.round((1000 * perMs) / sampledPerSMax)));
    samples = 0;
    lookedMs = nowMs;
  }

  return {
    note: (key) => {
      if (--left <= 0) sample(key);
    },
    top: (count) => {
      const nowMs = clockMs();
      // The weights of a steady stream add up to rate ÷ λ; before it has run for long, to a part of that.
      const ageMs = Math.max(1000, nowMs - beganMs);
      const now = Math.exp(-decayPerMs * (nowMs - landmarkMs));
      const perS = (1000 * decayPerMs * now) / (1 - Math.exp(-decayPerMs * ageMs));
      const keys = sketch
        .counts()
        .filter((each) => each.count > 2 * each.error)
        .sort((a, b) => b.count - b.error - (a.count - a.error))
        .slice(0, count)
        .map(({ key, count: counted, error }) => ({
          key,
          cut: typeof key === "string" && key.length > keyCharsMax,
          ratePerS: counted * perS,
          errorPerS: error * perS,
          share: sketch.total === 0 ? 0 : counted / sketch.total,
        }));
      return { ratePerS: sketch.total * perS, sampledOneIn: oneIn, keys };
    },
  };
}

/** A long key's beginning, and a hash that tells it from others that begin alike. */
function named(key: Key): Key {
  if (typeof key === "number" || key.length <= keyCharsMax) return key;
  return `${key.slice(0, keyCharsMax)}…${keyHash(key).toString(16).padStart(8, "0")}`;
}

/** A key is mostly a piece of a request's head, and would hold all of that in memory. */
function ownCopy(key: Key): Key {
  return typeof key === "number" ? key : Buffer.from(key, "utf16le").toString("utf16le");
}
