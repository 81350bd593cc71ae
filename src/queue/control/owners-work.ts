// What the control plane has done by a tablet's owner, whoever that is in the end: an owner that is lost, or loses the
// tablet, before it has answered is followed by the next one.
import { RoundhouseError } from "../../errors.ts";
import type { LatestMap } from "../latest-map.ts";
import { type MappedBroker, ownerOf, type QueueMap } from "../map.ts";
import type { Sizes } from "../tablet.ts";
import type { Brokers } from "./brokers.ts";
import type { Question, Questions } from "./questions.ts";
import type { ShardKeeper } from "./topic-changes.ts";

export interface OwnersWork extends ShardKeeper {
  copyTablet(tablet: number, to: string): Promise<void>;
  compactTablet(tablet: number): Promise<Sizes>;
}

export interface OwnersWorkParts {
  readonly latest: LatestMap;
  readonly brokers: Pick<Brokers, "get">;
  readonly questions: Questions;
  isQuarantined(tablet: number): boolean;
}

/** How long a change waits for the owner of a tablet. */
const OWNER_WAIT_MS = 10_000;
const AGAIN_AFTER_MS = 50;

export function createOwnersWork({ latest, brokers, questions, isQuarantined }: OwnersWorkParts): OwnersWork {
  async function onOwner(question: Question): Promise<unknown> {
    const untilMs = performance.now() + OWNER_WAIT_MS;
    for (;;) {
      const leftMs = Math.max(0, untilMs - performance.now());
      const owner = await latest.where((map) => servedBy(map, question.tablet), leftMs);
      const broker = brokers.get(owner.name);
      try {
        if (broker !== null) return await questions.ask(broker, question);
      } catch (error) {
        if (performance.now() >= untilMs || isFinal(question, error)) throw error;
      }
      // It has ended or lost the tablet meanwhile; or the disk is full, which passes.
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
    }
  }

  /** Refuses for a tablet that nobody will serve before somebody looks at it. */
  function servedBy(map: QueueMap, tablet: number): MappedBroker | undefined {
    if (!isQuarantined(tablet)) return ownerOf(map, tablet) ?? undefined;
    const text = `Tablet ${tablet} is quarantined after repeated failures; see the log, verify its file, and release it`;
    throw new RoundhouseError("STORE_FAILED", text);
  }

  return {
    makeShard: async (tablet, shard) => void (await onOwner({ kind: "makeShard", tablet, shard })),
    dropShard: async (tablet, shard) => void (await onOwner({ kind: "dropShard", tablet, shard })),
    copyTablet: async (tablet, to) => void (await onOwner({ kind: "copyTablet", tablet, to })),
    compactTablet: async (tablet) => (await onOwner({ kind: "compactTablet", tablet })) as Sizes,
  };
}

/** Waiting for room would hold up the tablets after this one. */
function isFinal({ kind }: Question, error: unknown): boolean {
  return kind === "compactTablet" && error instanceof RoundhouseError && error.code === "DISK_FULL";
}
