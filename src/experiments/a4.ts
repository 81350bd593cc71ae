// A-4: the course project's scheme with other hash functions, and the other placements: how even, and how much moves
// when a server joins or leaves. And why the course's own function reaches 87 of 512 slots.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { barChart } from "../charts/bar-chart.ts";
import { lineChart } from "../charts/line-chart.ts";
import type { Ring } from "../ring/ring.ts";
import { type HashPair, hashPairs, ringWith, slots, slotsReached } from "./course-hashes.ts";
import { type Experiment, type Findings, type Progress, percent, type Settings } from "./experiment.ts";
import { greetingLoads } from "./greeting-load.ts";
import { placements, ringOf, titleOf } from "./placements.ts";
import { spreadOf } from "./spread.ts";

const sizes = [2, 3, 4, 5, 6, 8, 10] as const;
const measuredSizes = [2, 3, 4, 5, 6] as const;

/** One way to place servers, of which rings of any size can be made. */
interface Way {
  readonly name: string;
  readonly ring: (servers: readonly number[]) => Ring;
}

interface Computed {
  readonly name: string;
  readonly servers: number;
  readonly shares: readonly number[];
  readonly maxToAverage: number;
  /** Fraction of request ids with another owner after server N + 1 joins; and of those, that moved between survivors. */
  readonly movedByJoin: number;
  readonly astrayByJoin: number;
  /** The same after server 1 leaves. */
  readonly movedByLeave: number;
  readonly astrayByLeave: number;
}

interface Measured {
  readonly name: string;
  readonly servers: number;
  readonly counts: readonly number[];
  readonly failed: number;
}

export const a4: Experiment = {
  id: "a4",
  title: "A-4: other hash functions against the course's",
  question:
    "What do other hash functions change in A-1 and A-2, and how many keys move when servers come and go?",
  run,
};

async function run(settings: Settings, progress: Progress): Promise<Findings> {
  const ways: Way[] = [
    ...hashPairs.map((hashes) => ({
      name: hashes.name,
      ring: (servers: readonly number[]) => ringWith(hashes, servers),
    })),
    ...placements.slice(1).map((placement) => ({
      name: titleOf(placement),
      ring: (servers: readonly number[]) => membersOnly(ringOf(placement, Math.max(...servers)), servers),
    })),
  ];
  const steps = ways.length + hashPairs.length;
  const computed: Computed[] = [];
  for (const [done, way] of ways.entries()) {
    progress(done, steps, `${way.name}, by arithmetic`);
    await turn();
    for (const servers of sizes) computed.push(compute(way, servers));
  }
  const measured: Measured[] = [];
  for (const [done, hashes] of hashPairs.entries()) {
    progress(ways.length + done, steps, `${hashes.name}, measured`);
    measured.push(...(await measure(hashes, settings)));
  }
  const reached = hashPairs.map((hashes) => ({ name: hashes.name, reached: slotsReached(hashes.request) }));
  return {
    method:
      `Shares and movement are computed over every request id from 100000 to 999999. A-1 and A-2 are measured again with ` +
      `the fleet itself (\`--hash assignment\` and \`requestHash\`, \`virtualNodeHash\` from a config file): ` +
      `${settings.requestCount.toLocaleString("en")} requests at each N from 2 to 6. “Astray” are ids that move although ` +
      "neither their old nor their new owner is the server that joins or leaves: with consistent hashing there are none.",
    data: { computed, measured, reached },
    tables: [computedTable(computed), measuredTable(measured, computed)],
    charts: [
      { name: "max-to-average", svg: evennessChart(computed) },
      { name: "moved", svg: movedChart(computed) },
      { name: "requests-per-server", svg: measuredChart(measured, settings.requestCount) },
      { name: "slots-reached", svg: reachedChart(reached) },
    ],
    observations: [
      ...theArithmetic(),
      ...reached.map(
        ({ name, reached: count }) => `${name}: six-digit ids reach ${count} of ${slots} slots.`,
      ),
      ...[...new Set(computed.map(({ name }) => name))].map((name) => observation(computed, name)),
    ],
  };
}

/** Lets the terminal be written between long calculations. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

function membersOnly(ring: Ring, servers: readonly number[]): Ring {
  const remove = ring.members.map(({ seat }) => seat).filter((seat) => !servers.includes(seat));
  return remove.length === 0 ? ring : ring.with({ remove });
}

function compute({ name, ring }: Way, servers: number): Computed {
  const all = Array.from({ length: servers }, (_, index) => index + 1);
  const before = ring(all);
  const joined = ring([...all, servers + 1]);
  const left = ring(all.slice(1));
  const counts = new Float64Array(servers);
  const join = { moved: 0, astray: 0 };
  const leave = { moved: 0, astray: 0 };
  for (let id = 100_000; id <= 999_999; id++) {
    const owner = before.lookup(id);
    counts[owner - 1] = (counts[owner - 1] as number) + 1;
    const afterJoin = joined.lookup(id);
    if (afterJoin !== owner) join.moved++;
    if (afterJoin !== owner && afterJoin !== servers + 1) join.astray++;
    const afterLeave = left.lookup(id);
    if (afterLeave !== owner) leave.moved++;
    if (afterLeave !== owner && owner !== 1) leave.astray++;
  }
  const shares = Array.from(counts, (count) => count / 900_000);
  return {
    name,
    servers,
    shares,
    maxToAverage: Math.max(...shares) * servers,
    movedByJoin: join.moved / 900_000,
    astrayByJoin: join.astray / 900_000,
    movedByLeave: leave.moved / 900_000,
    astrayByLeave: leave.astray / 900_000,
  };
}

/** A-1 and A-2 again: the product, with the hash functions in a config file as a user would write it. */
async function measure(hashes: HashPair, settings: Settings): Promise<Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-a4-"));
  const config = join(folder, "roundhouse.config.mjs");
  const { request, virtualNode } = hashes.source;
  const text = `export default { hash: "assignment", requestHash: ${request}, virtualNodeHash: ${virtualNode} };\n`;
  writeFileSync(config, text);
  const fleet = await settings.startFleet(["-n", String(measuredSizes[0]), "--config", config]);
  const measured: Measured[] = [];
  try {
    for await (const { servers, counts, failed } of greetingLoads(fleet, measuredSizes, settings)) {
      measured.push({ name: hashes.name, servers, counts, failed });
    }
  } finally {
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return measured;
}

function computedTable(computed: readonly Computed[]) {
  return {
    name: "computed",
    title: "Shares and movement, by arithmetic",
    columns: [
      "hash",
      "N",
      "max/avg",
      "moved by a join",
      "ideal",
      "astray",
      "moved by a leave",
      "ideal ",
      "astray ",
    ],
    rows: computed.map((one) => [
      one.name,
      one.servers,
      one.maxToAverage.toFixed(3),
      percent(one.movedByJoin),
      percent(1 / (one.servers + 1)),
      percent(one.astrayByJoin, 2),
      percent(one.movedByLeave),
      percent(1 / one.servers),
      percent(one.astrayByLeave, 2),
    ]),
  };
}

function measuredTable(measured: readonly Measured[], computed: readonly Computed[]) {
  return {
    name: "measured",
    title: "A-1 and A-2 again, measured",
    columns: ["hash", "N", "counts by seat", "shares", "computed", "max/avg", "failed"],
    rows: measured.map(({ name, servers, counts, failed }) => {
      const { total, maxToAverage } = spreadOf(counts);
      const expected = computed.find((one) => one.name === name && one.servers === servers)?.shares ?? [];
      return [
        name,
        servers,
        counts.join(" "),
        counts.map((count) => percent(count / total)).join(" "),
        expected.map((share) => percent(share)).join(" "),
        maxToAverage.toFixed(3),
        failed,
      ];
    }),
  };
}

const namesOf = (computed: readonly { readonly name: string }[]) => [
  ...new Set(computed.map(({ name }) => name)),
];

function evennessChart(computed: readonly Computed[]): string {
  return lineChart({
    title: "A-4: the fullest server's share over the average",
    subtitle: "over every six-digit request id; 1 is perfectly even",
    x: { label: "servers (N)" },
    y: { label: "max/avg", scale: "log" },
    series: namesOf(computed).map((name) => ({
      name: name.replace(/:.*| \(.*/, ""),
      points: computed
        .filter((one) => one.name === name)
        .map((one) => [one.servers, one.maxToAverage] as const),
    })),
  });
}

function movedChart(computed: readonly Computed[]): string {
  const names = namesOf(computed);
  const moved = (name: string, servers: number) =>
    (computed.find((one) => one.name === name && one.servers === servers)?.movedByJoin ?? 0) * 100;
  return barChart({
    title: "A-4: keys that move when server N + 1 joins",
    subtitle: "ideal: 1/(N+1) of them, 25 % for N = 3 and 14 % for N = 6",
    x: { label: "hash", names: names.map((name) => name.replace(/:.*| \(.*/, "")) },
    y: { label: "keys moved (%)" },
    series: [3, 6].map((servers) => ({
      name: `N = ${servers}`,
      values: names.map((name) => Math.round(moved(name, servers) * 10) / 10),
    })),
  });
}

function measuredChart(measured: readonly Measured[], requestCount: number): string {
  return barChart({
    title: "A-4: A-1 again, requests per server with other hash functions",
    subtitle: `${requestCount.toLocaleString("en")} requests, N = 3, 512 slots, 9 virtual nodes each`,
    x: { label: "server", names: ["S1", "S2", "S3"] },
    y: { label: "requests" },
    series: measured
      .filter(({ servers }) => servers === 3)
      .map(({ name, counts }) => ({ name: name.replace(/:.*| \(.*/, ""), values: counts })),
    reference: { value: requestCount / 3, label: "even share" },
  });
}

function reachedChart(reached: readonly { readonly name: string; readonly reached: number }[]): string {
  return barChart({
    title: "A-4: slots that six-digit request ids reach",
    subtitle: `of ${slots}`,
    x: { label: "hash", names: reached.map(({ name }) => name.replace(/:.*| \(.*/, "")) },
    y: { label: "slots", from: 0, to: slots },
    series: [{ name: "slots", values: reached.map(({ reached: count }) => count) }],
  });
}

/** Counted here, not quoted: squares modulo 512, by the power of two that they hold. */
function theArithmetic(): string[] {
  const squares = new Set<number>();
  for (let x = 0; x < slots; x++) squares.add((x * x) % slots);
  const groups = [1, 4, 16, 64, 256].map((power) => {
    const own = [...squares].filter((square) => square !== 0 && largestPowerOf4(square) === power);
    return `${own.length} that are ${power === 1 ? "odd" : `${power} times an odd number`}`;
  });
  return [
    `H(i) = i² + 2i + 17 = (i + 1)² + 16, so it reaches exactly as many slots as there are squares modulo ${slots}: ` +
      `**${squares.size}**. They are ${groups.join(", ")}, and 0. An odd square is 1 modulo 8, so of the 256 odd slots only ` +
      "every fourth can be met; the even squares are 4 times a smaller square, and thin out in the same way.",
    "The nine virtual nodes of a server are i² + 25 + (j + 1)² − 1: again squares from a common start, so they lie on few " +
      "slots, collide with those of other servers, and leave wide gaps. A request goes clockwise to the nearest taken slot, " +
      "so the server behind the widest gap gets nearly everything.",
  ];
}

function largestPowerOf4(value: number): number {
  let power = 1;
  while (value % (power * 4) === 0) power *= 4;
  return power;
}

function observation(computed: readonly Computed[], name: string): string {
  const at = (servers: number) =>
    computed.find((one) => one.name === name && one.servers === servers) as Computed;
  const [three, six] = [at(3), at(6)];
  const astray = Math.max(
    ...computed.filter((one) => one.name === name).flatMap((one) => [one.astrayByJoin, one.astrayByLeave]),
  );
  return (
    `**${name}**: max/avg ${three.maxToAverage.toFixed(2)} at N = 3 and ${six.maxToAverage.toFixed(2)} at N = 6; a fourth server ` +
    `moves ${percent(three.movedByJoin)} of the keys (ideal ${percent(1 / 4)}), the loss of one of three ${percent(three.movedByLeave)} ` +
    `(ideal ${percent(1 / 3)}); ${astray === 0 ? "none ever moves" : `up to ${percent(astray, 2)} move`} between servers that stay.`
  );
}
