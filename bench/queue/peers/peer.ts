// What the benchmark knows of any queue under test: how to start it, what its acknowledgement means, and how messages
// go in and come out. The protocols are in the files beside this one.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** One queue on its own core. */
export interface QueuePeer {
  readonly name: string;
  /** Must be installed; null for our own. */
  readonly program: string | null;
  /** What has happened to a message when its producer is answered, in words. */
  readonly acknowledgement: string;
  /** Whether it is on the disk by then. */
  readonly synced: boolean;
  /** Starts it with its files below `folder`; resolves when it takes connections. */
  start(folder: string, core: number): Promise<RunningQueue>;
}

export interface RunningQueue {
  /** Its first process; what it costs is reckoned over this one and all below. */
  readonly pid: number;
  /** Makes a topic with one log (stream, queue, shard), and connects to it. */
  open(topic: string): Promise<Session>;
  stop(): Promise<void>;
}

export interface Session {
  /** Resolves when every one of them is acknowledged. Each can be addressed on its own afterwards. */
  produce(values: readonly Buffer[]): Promise<void>;
  /** Reads on from the last call, about `batch` messages at a time, and keeps its place in the queue. Ends with the signal. */
  consume(batch: number, take: (values: readonly Uint8Array[]) => void, signal: AbortSignal): Promise<void>;
  /** Removes the topic and ends the connections. */
  remove(): Promise<void>;
}

export function folderFor(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
