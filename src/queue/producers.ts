// The memory that makes an append idempotent: for each producer and shard the last five batches, so that a batch
// sent again gets the first answer instead of a second place in the log. Pure; the store keeps the states, in the
// same transaction as the batches. Rules as Kafka's (KIP-98, "ProducerStateManager").
import type { ErrorCode } from "../errors.ts";

/** How many batches are remembered: as many as a producer may have in flight. */
export const REMEMBERED_BATCHES = 5;

/** Sequences count from 0 to this and begin again at 0. */
const SEQUENCE_MAX = 0x7fff_ffff;

/** What one producer has appended to one shard. */
export interface ProducerState {
  readonly producerId: number;
  /** Raised by each new instance of the producer; an older instance is refused. */
  readonly producerEpoch: number;
  /** Oldest first, 1 to {@link REMEMBERED_BATCHES}. */
  readonly batches: readonly RememberedBatch[];
}

export interface RememberedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
}

/** The part of a batch's header that decides. */
export interface ProducerClaim {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly count: number;
}

export type Admission =
  | { readonly kind: "append" }
  | { readonly kind: "duplicate"; readonly baseOffset: number }
  | { readonly kind: "refuse"; readonly code: ErrorCode; readonly reason: string };

const APPEND: Admission = { kind: "append" };

/** Whether a batch is the next one, one seen before, or out of order. Without a state any sequence may begin. */
export function admit(state: ProducerState | undefined, claim: ProducerClaim): Admission {
  if (state === undefined) return APPEND;
  if (claim.producerEpoch < state.producerEpoch) return fenced(state, claim);
  if (claim.producerEpoch > state.producerEpoch) return claim.baseSequence === 0 ? APPEND : gap(claim, 0);
  const lastSequence = sequenceAfter(claim.baseSequence, claim.count - 1);
  const seen = state.batches.find(
    (batch) => batch.firstSequence === claim.baseSequence && batch.lastSequence === lastSequence,
  );
  if (seen !== undefined) return { kind: "duplicate", baseOffset: seen.baseOffset };
  const expected = sequenceAfter(state.batches.at(-1)?.lastSequence ?? -1, 1);
  return claim.baseSequence === expected ? APPEND : gap(claim, expected);
}

/** The state after the batch has been appended at this offset. */
export function remember(
  state: ProducerState | undefined,
  claim: ProducerClaim,
  baseOffset: number,
): ProducerState {
  const { producerId, producerEpoch, baseSequence } = claim;
  const lastSequence = sequenceAfter(baseSequence, claim.count - 1);
  const before = state?.producerEpoch === producerEpoch ? state.batches : [];
  const batch = { firstSequence: baseSequence, lastSequence, baseOffset };
  return { producerId, producerEpoch, batches: [...before, batch].slice(-REMEMBERED_BATCHES) };
}

/** The sequence `steps` further on. */
export function sequenceAfter(sequence: number, steps: number): number {
  return (sequence + steps) % (SEQUENCE_MAX + 1);
}

function fenced(state: ProducerState, claim: ProducerClaim): Admission {
  const reason =
    `producer ${claim.producerId} is at epoch ${state.producerEpoch}, and this batch is of epoch ` +
    `${claim.producerEpoch}: a newer instance of the producer has taken over; stop this one`;
  return { kind: "refuse", code: "PRODUCER_FENCED", reason };
}

function gap(claim: ProducerClaim, expected: number): Admission {
  const reason =
    `producer ${claim.producerId} sent sequence ${claim.baseSequence} where ${expected} comes next; ` +
    "send what is missing first, or take a new producer id";
  return { kind: "refuse", code: "SEQUENCE_GAP", reason };
}
