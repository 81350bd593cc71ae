// A producer's or consumer's idea of a topic: its shards, and whom to ask for each. Kept for a while, asked anew when it
// turns out to be wrong. A wrong idea costs time and nothing else: every broker serves every shard.
import { RoundhouseError } from "../../errors.ts";
import type { QueueApi, TopicView } from "./api.ts";

export interface Routes {
  /** What is known, at once, and asked for in the background when that is old or nothing (null). */
  known(name: string): TopicView | null;
  /** What is known now or, when it is not fresh, what the queue says. */
  topic(name: string): Promise<TopicView>;
  /** Whom to ask for a shard first; null: the queue's own address. */
  ownerOf(topic: string, shard: string): string | null;
  /** What was known is of no use: it is asked for again, and nobody is asked directly until that is answered. */
  doubt(topic: string): void;
}

interface Entry {
  readonly view: TopicView;
  readonly atMs: number;
  doubted: boolean;
}

/** Default for how long a description is taken for fresh: a shard that was added is found within this time. */
const FRESH_MS = 5000;

/** @param direct whether owners may be asked themselves, at the addresses that the queue names */
export function createRoutes(api: QueueApi, direct: boolean, freshMs = FRESH_MS): Routes {
  const entries = new Map<string, Entry>();
  const asked = new Map<string, Promise<TopicView>>();

  function ask(name: string): Promise<TopicView> {
    const running = asked.get(name);
    if (running !== undefined) return running;
    const asking = askOnce(name).finally(() => asked.delete(name));
    asked.set(name, asking);
    return asking;
  }

  async function askOnce(name: string): Promise<TopicView> {
    try {
      const view = await api.topic(name);
      entries.set(name, { view, atMs: performance.now(), doubted: false });
      return view;
    } catch (error) {
      // A topic that was deleted is forgotten; otherwise what is known may do until the queue answers again.
      if (error instanceof RoundhouseError && error.code === "NOT_FOUND") entries.delete(name);
      throw error;
    }
  }

  const isFresh = (entry: Entry): boolean => !entry.doubted && performance.now() - entry.atMs < freshMs;

  return {
    known(name) {
      const entry = entries.get(name);
      if (entry === undefined || !isFresh(entry)) ask(name).catch(() => undefined);
      return entry?.view ?? null;
    },
    topic(name) {
      const entry = entries.get(name);
      return entry !== undefined && isFresh(entry) ? Promise.resolve(entry.view) : ask(name);
    },
    ownerOf(topic, shard) {
      const entry = entries.get(topic);
      if (!direct || entry === undefined || entry.doubted) return null;
      return entry.view.shards.find((one) => one.name === shard)?.owner ?? null;
    },
    doubt(topic) {
      const entry = entries.get(topic);
      if (entry !== undefined) entry.doubted = true;
      ask(topic).catch(() => undefined);
    },
  };
}
