// Shards as the HTTP services use them, wherever they are served: the tablet itself when it is open here, else the
// broker that owns it, asked over a kept connection.
import type { BrokerNode } from "../broker/node.ts";
import type { ShardEntry } from "../catalog.ts";
import type { Append, Appended } from "../tablet.ts";
import { createAppendRelay } from "./append-relay.ts";
import { CALL_TARGET, fetchedOf, readTarget, refusalIn } from "./internal-protocol.ts";
import type { Owners } from "./owners.ts";
import type { PeerAddress, PeerAnswer, PeerClient, PeerRequest } from "./peer-client.ts";
import { type ReadFrom, readWaiting, type ShardRead } from "./shard-read.ts";
import { runCall, type TabletCall, type TabletCallResult } from "./tablet-call.ts";

export interface Shards {
  /** `repeatable`: the batch names its producer, so that a second sending is told from a second batch. */
  append(
    shard: ShardEntry,
    append: Omit<Append, "shard">,
    repeatable: boolean,
    ownerWaitMs?: number,
  ): Promise<Appended>;
  read(shard: ShardEntry, read: ShardRead, ownerWaitMs?: number): Promise<ReadFrom>;
  call<C extends TabletCall>(tablet: number, call: C, ownerWaitMs?: number): Promise<TabletCallResult<C>>;
}

/** How long a native request waits for a tablet between two owners. */
const OWNER_WAIT_MS = 10_000;
/** What an owner gets to answer, beyond what it was told to wait. */
const ANSWER_MS = 20_000;

export function createShards(node: BrokerNode, owners: Owners, peers: PeerClient): Shards {
  const relay = createAppendRelay(peers);

  async function ask(
    owner: PeerAddress,
    request: Omit<PeerRequest, "deadlineMs">,
    waitMs = 0,
  ): Promise<PeerAnswer> {
    const answer = await peers.ask(owner, { ...request, deadlineMs: waitMs + ANSWER_MS });
    if (answer.status === 200) return answer;
    throw refusalIn(answer);
  }

  return {
    append({ tablet, shard }, append, repeatable, waitMs = OWNER_WAIT_MS) {
      return owners.run({
        tablet,
        waitMs,
        repeatable,
        here: (found) => found.append({ ...append, shard }),
        there: (owner) => relay.append(owner, tablet, { ...append, shard }),
      });
    },
    read({ tablet, shard }, read, waitMs = OWNER_WAIT_MS) {
      return owners.run({
        tablet,
        waitMs: Math.max(waitMs, read.waitMs),
        repeatable: true,
        here: (found) => readWaiting(node, found, shard, read),
        async there(owner) {
          const signal = read.signal === undefined ? {} : { signal: read.signal() };
          const request = { method: "GET", target: readTarget(tablet, shard, read), ...signal };
          return fetchedOf(await ask(owner, request, read.waitMs));
        },
      });
    },
    call<C extends TabletCall>(tablet: number, call: C, waitMs = OWNER_WAIT_MS) {
      return owners.run({
        tablet,
        waitMs,
        repeatable: true,
        here: (found) => runCall(found, call),
        async there(owner) {
          const body = Buffer.from(JSON.stringify({ tablet, call }));
          const answer = await ask(owner, { method: "POST", target: CALL_TARGET, body });
          return JSON.parse(answer.body.toString()) as TabletCallResult<C>;
        },
      });
    },
  };
}
