// Where a tablet is served: here, at another broker, or nowhere for the moment. Work that meets a change of owners waits
// for a newer map and is asked again, as long as it is certain that it was not done.
import { RoundhouseError } from "../../errors.ts";
import type { BrokerNode } from "../broker/node.ts";
import { isWithoutBrokers, type MappedBroker, ownerOf, type QueueMap, whyUnserved } from "../map.ts";
import type { Tablet } from "../tablet.ts";
import { PeerLost } from "./peer-client.ts";
import { WireProblem } from "./problem.ts";

export interface TabletWork<T> {
  readonly tablet: number;
  /** How long it may wait for an owner. */
  readonly waitMs: number;
  /** Doing it twice is as good as once. */
  readonly repeatable: boolean;
  readonly here: (tablet: Tablet) => Promise<T>;
  readonly there: (owner: MappedBroker) => Promise<T>;
}

export interface Owners {
  /** Rejects with TIMEOUT when no owner took it in time, and with what the work rejects with. */
  run<T>(work: TabletWork<T>): Promise<T>;
  /** Requests that wait for an owner now. */
  parked(): number;
}

/** Requests that may wait for owners at once; their bodies are bounded by the listener. */
const PARKED_MAX = 10_000;
/** How long requests wait when there is no broker at all: one may be about to be added. */
const NO_BROKER_WAIT_MS = 3000;
/** A broker may know less than we do, so that no newer map will come: ask again after this. */
const ASK_AGAIN_MS = 50;

export function createOwners(node: BrokerNode): Owners {
  let parked = 0;

  /** Resolves at a newer map than this one, or after a while. */
  async function newerMap(version: number, untilMs: number): Promise<void> {
    const leftMs = untilMs - performance.now();
    if (leftMs <= 0) throw tooLate(node.map());
    if (parked >= PARKED_MAX) {
      const text = `${parked} requests wait for tablets that change owners, and no more may`;
      throw new RoundhouseError("FULL", `Cannot wait for the tablet's owner: ${text}; retry`, {
        retryable: true,
      });
    }
    parked++;
    try {
      await node.mapWhere(
        (map) => (map.version > version ? true : undefined),
        Math.min(leftMs, ASK_AGAIN_MS),
      );
    } catch (error) {
      if ((error as { code?: unknown }).code !== "TIMEOUT") throw error;
    } finally {
      parked--;
    }
  }

  async function runAgain<T>(work: TabletWork<T>, first: unknown): Promise<T> {
    const untilMs = performance.now() + work.waitMs;
    const noBrokerUntilMs = performance.now() + Math.min(work.waitMs, NO_BROKER_WAIT_MS);
    let error = first;
    for (;;) {
      if (error !== null && !mayRunAgain(error, work.repeatable)) throw error;
      if (isWithoutBrokers(node.map()) && performance.now() >= noBrokerUntilMs) throw tooLate(node.map());
      await newerMap(node.map().version, untilMs);
      try {
        const running = start(work);
        if (running !== null) return await running;
        error = null;
      } catch (next) {
        error = next;
      }
    }
  }

  /** Null: nobody serves it now. */
  function start<T>(work: TabletWork<T>): Promise<T> | null {
    const tablet = node.tablet(work.tablet);
    if (tablet !== null) return work.here(tablet);
    const owner = ownerOf(node.map(), work.tablet);
    if (owner === null || owner.name === node.name || owner.port === 0) return null;
    return work.there(owner);
  }

  return {
    run(work) {
      const running = start(work);
      return running === null ? runAgain(work, null) : running.catch((error) => runAgain(work, error));
    },
    parked: () => parked,
  };
}

/** Whether it is certain that nothing was done, or doing it again does no harm. */
function mayRunAgain(error: unknown, repeatable: boolean): boolean {
  if (error instanceof PeerLost) {
    if (repeatable || !error.sent) return true;
    throw new WireProblem(
      503,
      "OUTCOME_UNKNOWN",
      `Cannot tell whether this was done: the shard's owner was lost before it answered (${error.message}); ` +
        "an idempotent producer may send it again",
    );
  }
  if (error instanceof WireProblem) return error.code === "NOT_OWNER";
  // A tablet that is fenced or being closed has refused before it wrote.
  return error instanceof RoundhouseError && (error.code === "FENCED" || error.code === "SHUTTING_DOWN");
}

function tooLate(map: QueueMap): RoundhouseError {
  const code = isWithoutBrokers(map) ? "UNREACHABLE" : "TIMEOUT";
  return new RoundhouseError(code, `No broker could serve this in time: ${whyUnserved(map)}`, {
    retryable: true,
  });
}
