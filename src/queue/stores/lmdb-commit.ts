// Group commit: what arrives while a commit is under way becomes the next one. One transaction, *if the epoch is
// still mine*; its works are answered when it is durable, and never before.
//
//   idle ──work──▶ gathering (the rest of this event-loop turn) ──▶ committing ──▶ gathering or idle
//     └──patient work, soon after a commit──▶ waiting ──any other work, or its time──▲
//
// Each work is staged against the draft of its transaction and may refuse itself alone by throwing; a commit that
// fails refuses all its works and leaves the memory as it was.
import { dirname } from "node:path";
import { RoundhouseError } from "../../errors.ts";
import type { TabletEvents, TabletState } from "../tablet.ts";
import { createDiskRoom, hasRoom } from "./disk-room.ts";
import { createDraft, type Draft, type DraftLimits, type ShardMemories } from "./lmdb-draft.ts";
import { reusableBytes, type TabletTable } from "./lmdb-environment.ts";
import { causeOf, EIO, saysNoRoom } from "./lmdb-failure.ts";
import { LABEL_KEY } from "./lmdb-layout.ts";

interface Work<T> {
  /** Bytes that it adds: bounds a transaction, and what may wait. */
  readonly bytes: number;
  /** True for what frees room: it runs though the disk is full. Default false. */
  readonly frees?: boolean;
  /** True: soon after a transaction it waits for company, up to {@link CommitOptions.patienceMs}. Default false. */
  readonly patient?: boolean;
  /** Synchronous; throws a RoundhouseError to refuse, before it has put anything. */
  readonly stage: (draft: Draft) => T;
}

export interface Commits {
  state(): TabletState;
  /** Stages the work in the next transaction; resolves with what it returned when that is durable. */
  run<T>(work: Work<T>): Promise<T>;
  /**
   * Runs between two transactions; works that arrive wait, bounded as ever. A STORE_FAILED of it gives the tablet up;
   * after any other rejection all is as it was.
   */
  alone<T>(run: () => Promise<T>): Promise<T>;
  /** Refuses new work and resolves when none is left. */
  close(): Promise<void>;
}

export interface CommitOptions extends DraftLimits {
  readonly file: string;
  readonly tablet: number;
  readonly epoch: number;
  /** Most bytes that may wait for the next transactions; more is refused with FULL. */
  readonly pendingBytesMax: number;
  /** From the begin of a transaction to that of one that has patient works only. */
  readonly patienceMs: number;
  readonly events: TabletEvents;
  readonly nowMs: () => number;
}

/** A transaction stops taking works at this many bytes or works, so that the next ones do not wait for long. */
const TRANSACTION_BYTES_MAX = 16 * 1024 * 1024;
const TRANSACTION_WORKS_MAX = 10_000;
/** How long a full disk is left alone before the next append tries it. */
const FULL_RETRY_MS = 250;
/** Pages that any transaction may write besides its works': the way down the trees, and the list of free pages. */
const TREE_BYTES = 512 * 1024;
/** What a work adds to its bytes: the rest of its last page, and a page of the tree. */
const WORK_OVERHEAD_BYTES = 8 * 1024;
/** Least size of the file that tells a full disk from a failing one. */
const ROOM_PROBE_BYTES_MIN = 1024 * 1024;

interface Waiting {
  readonly work: Work<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** What it is answered with when the commit is durable: this, or the refusal. */
  value: unknown;
  refusal: unknown;
  /** It came before the batch that it follows, and was put off by one transaction already. */
  putOff: boolean;
}

/** `current`: the environment, which may be another one after each {@link Commits.alone}. */
export function createCommits(
  current: () => TabletTable,
  shards: ShardMemories,
  options: CommitOptions,
): Commits {
  const { tablet, epoch, events, nowMs } = options;
  let state: TabletState = "open";
  let reason = "";
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  const waitingAlone: (() => Promise<void>)[] = [];
  /** Works that wait and are not patient. */
  let waitingInHurry = 0;
  let busy = false;
  let beganAtMs = Number.NEGATIVE_INFINITY;
  /** For works that wait for company. */
  let patience: NodeJS.Timeout | null = null;
  let retryAtMs = 0;
  let whenIdle: (() => void) | null = null;
  const room = createDiskRoom(dirname(options.file));

  function enter(next: TabletState, why: string): void {
    const over = state === "fenced" || state === "failed";
    if (state === next || over || (state === "closed" && (next === "open" || next === "full"))) return;
    state = next;
    reason = why;
    events.onState?.(next, why);
  }

  /** Why nothing is written any more, or null. */
  function ending(): RoundhouseError | null {
    const name = `Cannot write to tablet ${tablet}: `;
    if (state === "fenced") return new RoundhouseError("FENCED", name + reason);
    if (state === "failed") return new RoundhouseError("STORE_FAILED", name + reason);
    if (state !== "closed") return null;
    return new RoundhouseError("SHUTTING_DOWN", `${name}it is being closed`, { retryable: true });
  }

  /** Why this work cannot even wait, or null. */
  function refusalOf(work: Work<unknown>): RoundhouseError | null {
    const over = ending();
    if (over !== null) return over;
    if (state === "full" && work.frees !== true && nowMs() < retryAtMs) return diskFull();
    if (waitingBytes + work.bytes <= options.pendingBytesMax || waiting.length === 0) return null;
    const why = `${waitingBytes} bytes wait for the disk already, and ${options.pendingBytesMax} may; retry`;
    return new RoundhouseError("FULL", `Cannot write to tablet ${tablet}: ${why}`, { retryable: true });
  }

  function diskFull(): RoundhouseError {
    const text = `Cannot write to tablet ${tablet}: ${reason}; it goes on by itself when there is room`;
    return new RoundhouseError("DISK_FULL", text, { retryable: true });
  }

  function run<T>(work: Work<T>): Promise<T> {
    const refusal = refusalOf(work);
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise<T>((resolve, reject) => {
      waiting.push({
        work,
        resolve: resolve as (value: unknown) => void,
        reject,
        value: undefined,
        refusal: null,
        putOff: false,
      });
      waitingBytes += work.bytes;
      if (work.patient !== true) waitingInHurry++;
      begin();
    });
  }

  function alone<T>(run: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      waitingAlone.push(async () => {
        const over = ending();
        if (over !== null) reject(over);
        else await run().then(resolve, (error: unknown) => reject(aloneFailed(error)));
      });
      begin();
    });
  }

  function aloneFailed(error: unknown): unknown {
    if (!(error instanceof RoundhouseError) || error.code !== "STORE_FAILED") return error;
    enter("failed", error.message);
    refuseAll([]);
    return ending();
  }

  function begin(): void {
    if (busy) return;
    const inHurry = waitingInHurry > 0 || waitingAlone.length > 0 || state === "closed";
    const waitMs = inHurry ? 0 : beganAtMs + options.patienceMs - performance.now();
    if (waitMs > 0) patience ??= setTimeout(start, waitMs);
    else start();
  }

  function start(): void {
    if (patience !== null) clearTimeout(patience);
    patience = null;
    busy = true;
    setImmediate(next);
  }

  async function next(): Promise<void> {
    const first = waitingAlone.shift();
    if (first !== undefined) await first();
    if (waiting.length > 0) await commitNext();
    if (waitingAlone.length > 0 || waitingInHurry > 0) next();
    else {
      busy = false;
      if (waiting.length > 0) begin();
      else whenIdle?.();
    }
  }

  /** As many of the waiting works as one transaction takes. */
  function takeNext(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { work } of waiting) {
      if (count > 0 && (bytes + work.bytes > TRANSACTION_BYTES_MAX || count >= TRANSACTION_WORKS_MAX)) break;
      bytes += work.bytes;
      if (work.patient !== true) waitingInHurry--;
      count++;
    }
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    waitingBytes -= bytes;
    return taken;
  }

  /** Whether a transaction of these works fits: into the disk, or into twice as many pages that the file can reuse. */
  function hasRoomFor(works: readonly Waiting[]): boolean {
    let bytes = TREE_BYTES;
    for (const { work } of works) bytes += work.bytes + WORK_OVERHEAD_BYTES;
    return room.covers(bytes) || reusableBytes(current()) >= 2 * bytes;
  }

  /** A commit that the disk cuts short may end the whole process: without room for it there is none. */
  function takeFitting(): Waiting[] {
    const works = takeNext();
    if (hasRoomFor(works)) return works;
    const freeing = works.filter(({ work }) => work.frees === true);
    const fitting = freeing.length > 0 && hasRoomFor(freeing) ? freeing : [];
    refuseAsFull(works.filter((one) => !fitting.includes(one)));
    return fitting;
  }

  function refuseAsFull(works: readonly Waiting[]): void {
    retryAtMs = nowMs() + FULL_RETRY_MS;
    enter("full", "the disk is full");
    for (const { reject } of works) reject(diskFull());
  }

  async function commitNext(): Promise<void> {
    const works = takeFitting();
    if (works.length === 0) return;
    const startedMs = performance.now();
    beganAtMs = startedMs;
    const table = current();
    const draft = createDraft(table, shards, options);
    try {
      const mine = await table.ifVersion(LABEL_KEY, epoch, () => {
        stageAll(works, draft);
        draft.finish();
      });
      if (mine) succeed(works, draft, performance.now() - startedMs);
      else fence(works);
    } catch (error) {
      await fail(works, error);
    }
  }

  function succeed(works: readonly Waiting[], draft: Draft, tookMs: number): void {
    draft.adopt();
    if (state === "full" && works.some((one) => one.work.frees !== true))
      enter("open", "there is room again");
    let bytes = 0;
    for (const { work } of works) bytes += work.bytes;
    events.onCommitted?.(works.length, bytes, tookMs);
    const early = works.filter((one) => cameEarly(one) && !one.putOff);
    for (const one of works) {
      if (early.includes(one)) continue;
      if (one.refusal === null) one.resolve(one.value);
      else one.reject(one.refusal);
    }
    if (early.length > 0) putOff(early);
  }

  /** What they follow may have come while this transaction was committed. */
  function putOff(early: readonly Waiting[]): void {
    for (const one of early) {
      one.putOff = true;
      waitingBytes += one.work.bytes;
      if (one.work.patient !== true) waitingInHurry++;
    }
    waiting = [...early, ...waiting];
  }

  function fence(works: readonly Waiting[]): void {
    enter("fenced", `another owner has taken it over, and epoch ${epoch} may no longer write`);
    refuseAll(works);
  }

  /** Full disks come back; any other failure gives the tablet up: what the disk has kept is no longer known. */
  async function fail(works: readonly Waiting[], error: unknown): Promise<void> {
    const cause = await causeOf(error);
    const bytes = works.reduce((sum, { work }) => sum + work.bytes, ROOM_PROBE_BYTES_MIN);
    if (saysNoRoom(cause) || (cause.code === EIO && !(await hasRoom(dirname(options.file), bytes)))) {
      refuseAsFull(works);
      return;
    }
    enter(
      "failed",
      `the disk failed a commit (${cause.message}); the tablet is given up until it is opened anew`,
    );
    refuseAll(works);
  }

  function refuseAll(works: readonly Waiting[]): void {
    const all = [...works, ...waiting];
    waiting = [];
    waitingBytes = 0;
    waitingInHurry = 0;
    for (const { work, reject } of all) reject(refusalOf(work));
  }

  return {
    state: () => state,
    run,
    alone,
    close() {
      if (state === "open" || state === "full") enter("closed", "closed");
      if (!busy && waiting.length === 0) return Promise.resolve();
      begin();
      return new Promise((resolve) => {
        whenIdle = resolve;
      });
    },
  };
}

/**
 * In their order; but requests of several connections overtake each other on their way, so a batch that has come before
 * the one that it follows is put behind that one, and put off once where that one is not there yet.
 */
function stageAll(works: readonly Waiting[], draft: Draft): void {
  for (const one of works) stage(one, draft);
  let early = works.filter(cameEarly);
  while (early.length > 0) {
    for (const one of early) stage(one, draft);
    const still = early.filter(cameEarly);
    if (still.length === early.length) return;
    early = still;
  }
}

const cameEarly = ({ refusal }: Waiting): boolean =>
  refusal instanceof RoundhouseError && refusal.code === "SEQUENCE_GAP";

function stage(one: Waiting, draft: Draft): void {
  one.refusal = null;
  try {
    one.value = one.work.stage(draft);
  } catch (error) {
    one.refusal = error;
  }
}
