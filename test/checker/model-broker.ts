// A queue in memory for trying the checker: shards on a disk that syncs, owners that crash and are replaced, answers
// that take their time. Every protection of the real one has a switch here that takes it away.

/** A protection that is missing, or a mistake that is made. */
export type Defect =
  /** Answers before the sync: a crash takes what was answered. */
  | "ack-before-sync"
  /** Now and then a write never reaches the disk, and is answered. */
  | "dropped-write"
  /** The owner that was replaced goes on writing where it believes the end to be. */
  | "no-epoch-check"
  /** Now and then two messages get one offset. */
  | "offset-reused"
  /** What is sent again is stored again. */
  | "no-deduplication"
  /** Two neighbours change places on their way to the disk; answers name no offsets. */
  | "swapped"
  /** Readers are given what is not yet synced. */
  | "dirty-reads"
  /** Now and then a reader is not given a message. */
  | "poll-skips"
  /** Now and then a reader is given a message again. */
  | "poll-repeats"
  /** At the end the last message is cut off. */
  | "tail-cut"
  /** Refused, and stored all the same. */
  | "refused-but-stored"
  /** Bytes that nobody sent. */
  | "made-up";

interface Stored {
  readonly value: string;
  readonly producer: string;
  readonly sequence: number;
}

interface Shard {
  /** Survives a crash. */
  readonly disk: Stored[];
  /** Written, not yet synced: gone after a crash. */
  waiting: { readonly stored: Stored; readonly answer: (answer: Answer) => void }[];
  /** Where the owner that was replaced believes the end to be. */
  staleEnd: number | null;
}

export type Answer =
  | { readonly kind: "stored"; readonly offset: number | null }
  | { readonly kind: "refused" };

export interface ModelBroker {
  /** `answer` is called when it is durable, and never if the broker crashes before. */
  append(shard: number, stored: Stored, answer: (answer: Answer) => void): void;
  read(shard: number, offset: number, max: number): { offset: number; value: string }[];
  sync(shard: number): void;
  crash(shard: number): void;
  /** The epoch is raised under an owner that does not know it yet. */
  replaceOwner(shard: number): void;
  finish(): void;
  readonly shardCount: number;
}

export function createModelBroker(
  shardCount: number,
  random: () => number,
  defect: Defect | null,
): ModelBroker {
  const shards = Array.from({ length: shardCount }, (): Shard => {
    return { disk: [], waiting: [], staleEnd: null };
  });
  const rarely = (): boolean => random() < 0.03;
  const at = (index: number): Shard => shards[index] as Shard;

  function append(index: number, stored: Stored, answer: (answer: Answer) => void): void {
    const shard = at(index);
    const seen = (one: Stored): boolean =>
      one.producer === stored.producer && one.sequence === stored.sequence;
    if (defect !== "no-deduplication") {
      const offset = shard.disk.findIndex(seen);
      if (offset >= 0) {
        answer({ kind: "stored", offset: defect === "swapped" ? null : offset });
        return;
      }
      if (shard.waiting.some((one) => seen(one.stored))) return;
    }
    if (rarely()) {
      if (defect === "refused-but-stored") shard.waiting.push({ stored, answer: () => undefined });
      answer({ kind: "refused" });
      return;
    }
    if (defect === "made-up" && rarely()) {
      const stranger = { value: `nobody's ${random()}`, producer: "nobody", sequence: 0 };
      shard.waiting.push({ stored: stranger, answer: () => undefined });
    }
    const offset = shard.disk.length + shard.waiting.length;
    shard.waiting.push({ stored, answer });
    if (defect === "ack-before-sync") answer({ kind: "stored", offset });
  }

  function sync(index: number): void {
    const shard = at(index);
    const { disk, waiting } = shard;
    shard.waiting = [];
    for (const { stored, answer } of waiting) {
      const offset = nextOffset(shard);
      if (offset === null) continue;
      if (defect !== "dropped-write" || !rarely()) disk[offset] = stored;
      if (defect === "swapped" && rarely()) swapLast(disk);
      answer({ kind: "stored", offset: defect === "swapped" ? null : offset });
    }
  }

  /** Null: fenced, nothing may be written. */
  function nextOffset(shard: Shard): number | null {
    if (shard.staleEnd !== null) {
      const end = shard.staleEnd;
      shard.staleEnd = null;
      return defect === "no-epoch-check" ? end : null;
    }
    if (defect === "offset-reused" && shard.disk.length > 0 && rarely()) return shard.disk.length - 1;
    return shard.disk.length;
  }

  function read(index: number, from: number, max: number): { offset: number; value: string }[] {
    const { disk, waiting } = at(index);
    const readable = defect === "dirty-reads" ? [...disk, ...waiting.map((one) => one.stored)] : disk;
    const messages = readable.slice(from, from + max).map(({ value }, i) => ({ offset: from + i, value }));
    if (defect === "poll-skips" && messages.length > 1 && rarely()) messages.splice(messages.length - 2, 1);
    const first = messages[0];
    if (defect === "poll-repeats" && first !== undefined && rarely()) messages.push(first);
    return messages;
  }

  return {
    append,
    read,
    sync,
    shardCount,
    crash(index) {
      at(index).waiting = [];
    },
    replaceOwner(index) {
      const shard = at(index);
      const { length } = shard.disk;
      if (length > 0) shard.staleEnd = Math.floor(random() * length);
    },
    finish() {
      for (const shard of shards) {
        sync(shards.indexOf(shard));
        if (defect === "tail-cut") shard.disk.pop();
      }
    },
  };
}

function swapLast(disk: Stored[]): void {
  const [a, b] = disk.slice(-2);
  if (a === undefined || b === undefined) return;
  disk.splice(-2, 2, b, a);
}
