// `roundhouse ring shares|lookup|preview`: where keys go, by arithmetic alone. Nothing needs to run.
import type { Command } from "commander";
import { createRing, type Key, type PlacementName, type Ring, type RingOptions } from "../ring/ring.ts";
import { print, table } from "./output.ts";
import { usage, wholeNumber } from "./usage.ts";

interface RingFlags {
  readonly servers: string;
  readonly hash: string;
  readonly slots?: string;
  readonly probing?: string;
  readonly weights?: string;
  readonly json?: true;
}

interface PreviewFlags extends RingFlags {
  readonly add?: string;
  readonly remove?: string;
  readonly setWeight?: readonly string[];
}

/** Adds the `ring` commands to the program. */
export function addRingCommands(program: Command): void {
  const ring = program.command("ring").description("where keys go, and what a change would move");
  withRingFlags(ring.command("shares"))
    .description("each server's share of the key space")
    .addHelpText("after", "\nExample: roundhouse ring shares --servers 3 --hash assignment")
    .action((flags: RingFlags) => print(sharesText(flags)));
  withRingFlags(ring.command("lookup"))
    .description("the slot and the servers of keys, in order of preference")
    .argument("<key...>", "keys; a whole number is taken as a number, as a request id is")
    .addHelpText("after", "\nExample: roundhouse ring lookup --servers 5 /users/7 123456")
    .action((keys: string[], flags: RingFlags) => print(lookupsText(keys, flags)));
  withRingFlags(ring.command("preview"))
    .description("the fraction of the key space that a change would move, from whom to whom")
    .option("--add <count>", "servers that join, on the lowest free seats")
    .option("--remove <seats>", "seats that leave, such as 2,5")
    .option("--set-weight <seat=weight>", "a new weight (repeatable)", (value, seen: string[] = []) => [
      ...seen,
      value,
    ])
    .addHelpText("after", "\nExample: roundhouse ring preview --servers 3 --add 1")
    .action((flags: PreviewFlags) => print(previewText(flags)));
}

function withRingFlags(command: Command): Command {
  return command
    .option("--servers <count>", "servers on seats 1…N", "3")
    .option("--weights <list>", "their weights, such as 1,2,4")
    .option("--hash <placement>", "rendezvous, assignment, ketama, maglev or jump", "rendezvous")
    .option("--slots <count>", "size of the table")
    .option("--probing <kind>", "for assignment: linear or quadratic")
    .option("--json", "print JSON");
}

function sharesText(flags: RingFlags): string {
  const shares = [...ringFrom(flags).shares()].map(([seat, share]) => ({ seat, share }));
  if (flags.json) return JSON.stringify(shares);
  const average = 1 / shares.length;
  return table(
    ["seat", "share", "of the average"],
    shares.map(({ seat, share }) => [`${seat}`, percent(share), (share / average).toFixed(3)]),
  );
}

function lookupsText(keys: readonly string[], flags: RingFlags): string {
  const ring = ringFrom(flags);
  const rows = keys.map((text) => {
    const key = keyFrom(text);
    return { key, slot: ring.slotOf(key), candidates: [...ring.candidates(key)].slice(0, 8) };
  });
  if (flags.json) return JSON.stringify(rows);
  return table(
    ["key", "slot", "servers, in order of preference"],
    rows.map(({ key, slot, candidates }) => [String(key), String(slot), candidates.join(", ")]),
  );
}

function previewText(flags: PreviewFlags): string {
  const ring = ringFrom(flags);
  const preview = ring.preview({
    add: freeSeats(ring, wholeNumber("--add", flags.add ?? "0", 1_000)).map((seat) => ({ seat })),
    remove: listOf("--remove", flags.remove),
    weights: new Map((flags.setWeight ?? []).map(seatAndWeight)),
  });
  if (flags.json) return JSON.stringify({ ...preview, after: Object.fromEntries(preview.after) });
  const summary = `${percent(preview.moved)} of the key space would move`;
  const moves = preview.moves.map(({ from, to, fraction }) => [
    seatName(from),
    seatName(to),
    percent(fraction),
  ]);
  return moves.length === 0 ? summary : `${summary}\n${table(["from", "to", "share of all keys"], moves)}`;
}

function ringFrom(flags: RingFlags): Ring {
  const count = wholeNumber("--servers", flags.servers, 10_000);
  const weights = listOf("--weights", flags.weights);
  if (weights.length > count) throw usage(`--weights names ${weights.length} weights for ${count} servers`);
  const options = {
    placement: flags.hash as PlacementName,
    ...(flags.slots === undefined ? {} : { slots: wholeNumber("--slots", flags.slots) }),
    ...(flags.probing === undefined ? {} : { probing: flags.probing as "linear" | "quadratic" }),
  } satisfies RingOptions;
  const members = Array.from({ length: count }, (_, index) => ({
    seat: index + 1,
    weight: weights[index] ?? 1,
  }));
  return createRing({ ...options, members });
}

function freeSeats(ring: Ring, count: number): number[] {
  const taken = new Set(ring.members.map((member) => member.seat));
  const free: number[] = [];
  for (let seat = 1; free.length < count; seat++) if (!taken.has(seat)) free.push(seat);
  return free;
}

function keyFrom(text: string): Key {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
}

function seatAndWeight(text: string): [number, number] {
  const [, seat, weight] = /^(\d+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (seat === undefined || !(Number(weight) > 0))
    throw usage(`--set-weight is "${text}"; accepted: seat=weight, such as 2=0.5`);
  return [wholeNumber("--set-weight", seat), Number(weight)];
}

function listOf(flag: string, text: string | undefined): number[] {
  if (text === undefined) return [];
  const numbers = text.split(",").map(Number);
  if (numbers.every((number) => number > 0 && Number.isFinite(number))) return numbers;
  throw usage(`${flag} is "${text}"; accepted: numbers above 0 with commas, such as 1,2,4`);
}

const seatName = (seat: number | null) => (seat === null ? "nobody" : `seat ${seat}`);
const percent = (fraction: number) => `${(fraction * 100).toFixed(2)} %`;
