// Why a commit has failed, as lmdb-js and LMDB tell it. What follows from it for a tablet's appends is lmdb-commit.ts's.
import { RoundhouseError } from "../../errors.ts";

export interface CommitCause {
  /** LMDB's or the system's number; 0: there is none. */
  readonly code: number;
  readonly message: string;
}

/** The system's numbers for "no room". */
const NO_ROOM_CODES = new Set([28 /* ENOSPC */, 122 /* EDQUOT */, 27 /* EFBIG */]);
const MAP_FULL = -30792;

/** The system's number for a failed read or write; LMDB says so too of a write that a full disk has cut short. */
export const EIO = 5;

/**
 * No room for the pages of a transaction: it is as if it had never been. Without LMDB's word of the page the same number
 * is the sync's, or the last write's, which some file systems take only into new room: after that LMDB takes no more.
 */
export const saysNoRoom = ({ code, message }: CommitCause): boolean =>
  code === MAP_FULL || (NO_ROOM_CODES.has(code) && message.includes("Attempting to write page"));

/** lmdb-js rejects with a wrapper whose `commitError` is a promise that rejects with the real one. */
export async function causeOf(error: unknown): Promise<CommitCause> {
  const wrapped = (error as { commitError?: Promise<unknown> }).commitError;
  const cause = await Promise.resolve(wrapped ?? error).catch((inner: unknown) => inner);
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return { code: typeof code === "number" ? code : 0, message: String(message ?? cause) };
}

/**
 * A commit's own outcome; STORE_FAILED with the real reason when it fails. Each commit must be awaited by this or by
 * {@link causeOf}: the promise within the wrapper is rejected too, and would end the process if nobody took it.
 */
export async function committed<T>(commit: Promise<T>, file: string): Promise<T> {
  try {
    return await commit;
  } catch (error) {
    if (error instanceof RoundhouseError) throw error;
    const { message } = await causeOf(error);
    const text = `Cannot write ${file}: the disk failed a commit (${message}); it is not known whether it was kept`;
    throw new RoundhouseError("STORE_FAILED", text, { cause: error, retryable: true });
  }
}
