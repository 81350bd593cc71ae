// Appends on their way to the broker that owns their shard: those of one event-loop turn for one broker travel in one
// request and come back in one answer, so that many small ones cost little more than one, and few connections are
// needed. Each still stands for itself: it is refused alone.
import type { Append, Appended } from "../tablet.ts";
import {
  APPEND_TARGET,
  type AppendOutcome,
  appendFrame,
  FRAME_BYTES,
  problemIn,
  refusalIn,
} from "./internal-protocol.ts";
import type { PeerAddress, PeerClient } from "./peer-client.ts";

export interface AppendRelay {
  /** Rejects with PeerLost, or with the owner's refusal. */
  append(owner: PeerAddress, tablet: number, append: Append): Promise<Appended>;
}

interface Waiting {
  readonly tablet: number;
  readonly append: Append;
  resolve(appended: Appended): void;
  reject(error: unknown): void;
}

/** What travels together; a larger batch travels alone. Below what a listener takes as one body. */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;
const ANSWER_MS = 20_000;

export function createAppendRelay(peers: PeerClient): AppendRelay {
  const waiting = new Map<string, { readonly owner: PeerAddress; readonly list: Waiting[] }>();

  function sendAll(): void {
    const groups = [...waiting.values()];
    waiting.clear();
    for (const { owner, list } of groups) for (const part of parts(list)) void send(owner, part);
  }

  async function send(owner: PeerAddress, part: readonly Waiting[]): Promise<void> {
    try {
      const body = Buffer.concat(
        part.flatMap(({ tablet, append }) => [appendFrame(tablet, append), append.batch]),
      );
      const request = { method: "POST", target: APPEND_TARGET, body, deadlineMs: ANSWER_MS };
      const answer = await peers.ask(owner, request);
      if (answer.status !== 200) throw refusalIn(answer);
      const outcomes = JSON.parse(answer.body.toString()) as readonly AppendOutcome[];
      for (const [i, one] of part.entries()) settle(one, outcomes[i]);
    } catch (error) {
      for (const one of part) one.reject(error);
    }
  }

  return {
    append(owner, tablet, append) {
      return new Promise((resolve, reject) => {
        const key = `${owner.host}:${owner.port}`;
        const group = waiting.get(key);
        const one: Waiting = { tablet, append, resolve, reject };
        if (waiting.size === 0) setImmediate(sendAll);
        if (group === undefined) waiting.set(key, { owner, list: [one] });
        else group.list.push(one);
      });
    },
  };
}

function settle(one: Waiting, outcome: AppendOutcome | undefined): void {
  if (outcome !== undefined && "appended" in outcome) one.resolve(outcome.appended);
  else one.reject(problemIn(outcome?.problem));
}

/** Cut so that no request is too long. */
function* parts(list: readonly Waiting[]): IterableIterator<readonly Waiting[]> {
  let part: Waiting[] = [];
  let bytes = 0;
  for (const one of list) {
    const length = FRAME_BYTES + one.append.batch.length;
    if (part.length > 0 && bytes + length > REQUEST_BYTES_MAX) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(one);
    bytes += length;
  }
  yield part;
}
