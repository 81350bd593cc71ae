// How evenly the policies spread requests: a closed loop without sockets in which a request ends at a random moment, so
// that only the choosing is measured. Reproducible to the last digit.
import { hashing } from "../../src/balancer/policies/hashing.ts";
import { leastRequest } from "../../src/balancer/policies/least-request.ts";
import type { Policy } from "../../src/balancer/policies/roster.ts";
import { roundRobin } from "../../src/balancer/policies/round-robin.ts";
import type { Steering } from "../../src/balancer/policies/steering.ts";
import { twoChoices } from "../../src/balancer/policies/two-choices.ts";
import { seededRandom } from "../../src/load/random.ts";
import { createRing } from "../../src/ring/ring.ts";
import { closedLoop, contendersOf, rosterOf, unsteered, zipfKeys } from "../../test/balancer/contenders.ts";

interface Trial {
  readonly policy: (counters: Counters) => Policy;
  readonly weights: readonly number[];
  readonly concurrency: number;
  readonly keyOf?: (request: number) => string;
  readonly steering?: Steering;
}

interface Outcome {
  /** Of all requests, by contender. */
  readonly shares: readonly number[];
  /** Most requests in flight at one contender, over the average. */
  readonly peak: number;
  readonly overflowed: number;
}

type Counters = ReturnType<typeof newCounters>;
const newCounters = () => ({ bounded: 0, overflowed: 0, spread: 0 });
const requests = 200_000;

const byHash = (counters: Counters) => hashing({ keyOf: ({ target }) => target, noteKey: null, counters });
const policies: Readonly<Record<string, (counters: Counters) => Policy>> = {
  hash: byHash,
  "round-robin": () => roundRobin(),
  "least-request": () => leastRequest(),
  p2c: () => twoChoices(seededRandom(3)),
};

function run({ policy, weights, concurrency, keyOf, steering = unsteered }: Trial): Outcome {
  const contenders = contendersOf(weights);
  const members = contenders.map(({ seat, weight }) => ({ seat, weight }));
  const roster = rosterOf(contenders, createRing({ members }));
  const counters = newCounters();
  let most = 0;
  let sent = 0;
  const got = closedLoop(roster, policy(counters)(roster, steering), {
    requests,
    concurrency,
    ...(keyOf === undefined ? {} : { keyOf }),
    after: ({ inFlight }) => {
      if (++sent > concurrency) most = Math.max(most, inFlight);
    },
  });
  return {
    shares: got.map((count) => count / requests),
    peak: most / (concurrency / weights.length),
    overflowed: counters.bounded === 0 ? 0 : counters.overflowed / counters.bounded,
  };
}

/** Markdown. */
export function balanceReport(): string {
  return [
    "## Weights 1, 2, 4",
    "",
    "Shares in %, with so many requests under way; 14.29 / 28.57 / 57.14 are wanted.",
    "",
    "| | 1 | 4 | 16 | 70 |",
    "|---|---:|---:|---:|---:|",
    ...Object.entries(policies).map(([name, policy]) => {
      const cells = [1, 4, 16, 70].map((concurrency) => {
        const { shares } = run({ policy, weights: [1, 2, 4], concurrency });
        return shares.map((share) => (100 * share).toFixed(2)).join(" / ");
      });
      return `| ${name} | ${cells.join(" | ")} |`;
    }),
    "",
    "## Ten replicas, 200 requests under way",
    "",
    "The most that one replica ever had in flight, over the average of 20. Zipf: the key of rank r of 1,000 as often as",
    "r^−1.1. Overflowed: requests not served by their key's first replica, because of the bound.",
    "",
    "| | peak / average | overflowed |",
    "|---|---:|---:|",
    ...loads().map(([name, { peak, overflowed }]) => {
      return `| ${name} | ${peak.toFixed(2)} | ${overflowed === 0 ? "" : `${(100 * overflowed).toFixed(1)} %`} |`;
    }),
    "",
  ].join("\n");
}

function loads(): [name: string, outcome: Outcome][] {
  const even = { weights: Array<number>(10).fill(1), concurrency: 200 };
  const keyOf = zipfKeys(1000, 1.1);
  const bounded = (loadFactor: number) => ({
    ...even,
    policy: byHash,
    keyOf,
    steering: { loadFactor, spreads: [] },
  });
  const spread = (count: number) => ({
    loadFactor: null,
    spreads: Array.from({ length: count }, (_, rank) => ({ key: `key-${rank}`, over: 3 })),
  });
  return [
    ...Object.entries(policies).map(([name, policy]): [string, Outcome] => [
      name === "hash" ? "hash, every key once" : name,
      run({ ...even, policy }),
    ]),
    ["hash, Zipf keys", run({ ...even, policy: byHash, keyOf })],
    [
      "hash, Zipf keys, the hottest spread over 3",
      run({ ...even, policy: byHash, keyOf, steering: spread(1) }),
    ],
    [
      "hash, Zipf keys, the ten hottest spread over 3",
      run({ ...even, policy: byHash, keyOf, steering: spread(10) }),
    ],
    ...[2, 1.5, 1.25, 1.1].map((factor): [string, Outcome] => [
      `hash, Zipf keys, bounded load ${factor}`,
      run(bounded(factor)),
    ]),
  ];
}
