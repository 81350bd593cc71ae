// Why a commit has failed, as lmdb-js and LMDB tell it. What follows from it is lmdb-commit.ts's.

export interface CommitCause {
  /** LMDB's or the system's number; 0: there is none. */
  readonly code: number;
  readonly message: string;
}

/** LMDB's and the system's numbers for "no room". */
const NO_ROOM_CODES = new Set([28 /* ENOSPC */, 122 /* EDQUOT */, 27 /* EFBIG */, -30792 /* MDB_MAP_FULL */]);

/** The system's number for a failed read or write; LMDB says so too of a write that a full disk has cut short. */
export const EIO = 5;

export const saysNoRoom = ({ code }: CommitCause): boolean => NO_ROOM_CODES.has(code);

/** lmdb-js rejects with a wrapper whose `commitError` is a promise that rejects with the real one. */
export async function causeOf(error: unknown): Promise<CommitCause> {
  const wrapped = (error as { commitError?: Promise<unknown> }).commitError;
  const cause = await Promise.resolve(wrapped ?? error).catch((inner: unknown) => inner);
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return { code: typeof code === "number" ? code : 0, message: String(message ?? cause) };
}
