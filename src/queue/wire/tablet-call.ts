// What one broker may ask of a tablet that another one owns: the small questions as plain data, carried out by the same
// function here and there. Appends and reads carry bytes, and have paths of their own (internal-api.ts).
import { RoundhouseError } from "../../errors.ts";
import type { ShardRange, Tablet } from "../tablet.ts";

/** Most consumers that a shard is asked about at once. */
const CONSUMERS_MAX = 10_000;

export type TabletCall =
  /** NOT_FOUND when the shard does not exist. */
  | { readonly op: "range"; readonly shard: number }
  /** Null for those that do not exist. */
  | { readonly op: "ranges"; readonly shards: readonly number[] }
  | { readonly op: "offsetAt"; readonly shard: number; readonly timestampMs: number }
  | { readonly op: "position"; readonly shard: number; readonly consumer: string }
  /** Names and offsets of all consumers that stand in the shard. */
  | { readonly op: "positions"; readonly shard: number }
  | {
      readonly op: "setPosition";
      readonly shard: number;
      readonly consumer: string;
      readonly offset: number;
    }
  | { readonly op: "removePosition"; readonly shard: number; readonly consumer: string }
  | { readonly op: "setNote"; readonly name: string; readonly content: string };

export interface TabletCallResults {
  readonly range: ShardRange;
  readonly ranges: readonly (ShardRange | null)[];
  readonly offsetAt: number;
  readonly position: number | null;
  readonly positions: readonly (readonly [consumer: string, offset: number])[];
  readonly setPosition: null;
  readonly removePosition: null;
  readonly setNote: null;
}

export type TabletCallResult<C extends TabletCall> = TabletCallResults[C["op"]];

/** Rejects with what the tablet rejects with. */
export async function runCall<C extends TabletCall>(tablet: Tablet, call: C): Promise<TabletCallResult<C>> {
  return (await run(tablet, call)) as TabletCallResult<C>;
}

function run(tablet: Tablet, call: TabletCall): unknown {
  switch (call.op) {
    case "range":
      return rangeOf(tablet, call.shard);
    case "ranges":
      return call.shards.map((shard) => tablet.range(shard));
    case "offsetAt":
      return tablet.offsetAt(call.shard, call.timestampMs);
    case "position":
      return tablet.position(call.shard, call.consumer);
    case "positions":
      return tablet.positions(call.shard, CONSUMERS_MAX);
    case "setPosition":
      return tablet.setPosition(call.shard, call.consumer, call.offset).then(() => null);
    case "removePosition":
      return tablet.removePosition(call.shard, call.consumer).then(() => null);
    case "setNote":
      return tablet.setNote(call.name, Buffer.from(call.content)).then(() => null);
    default: // of a newer version's broker
      throw new RoundhouseError(
        "BAD_REQUEST",
        `Cannot do "${(call as { op: unknown }).op}" to a tablet: unknown`,
      );
  }
}

export function rangeOf(tablet: Tablet, shard: number): ShardRange {
  const range = tablet.range(shard);
  if (range !== null) return range;
  throw new RoundhouseError("NOT_FOUND", `Cannot find shard ${shard}: it has been deleted`, {
    source: "downstream",
  });
}
