// One broker as its HTTP service sees it: the map, the tablets that are open here, and the way to the control plane.
// broker/local-node.ts is the one of a single process that owns everything.
import type { Log } from "../../telemetry/log.ts";
import type { AppendWait } from "../consumer.ts";
import type { Control } from "../control-command.ts";
import type { QueueMap } from "../map.ts";
import type { Tablet } from "../tablet.ts";

export interface BrokerNode {
  /** As in the map's `owner`. */
  readonly name: string;
  /** The latest that has arrived here. */
  map(): QueueMap;
  /**
   * Resolves with what `ready` returns as soon as that is not undefined; it is called with this map and each newer
   * one, and may throw to give up. Rejects with TIMEOUT after waitMs.
   */
  mapWhere<T>(ready: (map: QueueMap) => T | undefined, waitMs: number): Promise<T>;
  /** Open here and routed to us under the current epoch, else null. */
  tablet(tablet: number): Tablet | null;
  /** `over` resolves when something is appended here to one of these shards, the time is over, or on abort. */
  awaitAppend(shards: readonly number[], waitMs: number, signal?: AbortSignal): AppendWait;
  /** A change that the control plane makes. */
  readonly control: Control;
  readonly log: Log;
  /** Largest message; see toRecord. */
  readonly messageBytesMax: number;
  /** The clock, ms since the Unix epoch. */
  nowMs(): number;
}
