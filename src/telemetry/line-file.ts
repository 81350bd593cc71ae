// A file of lines that never holds up who writes to it: lines are gathered and written asynchronously, one write at a
// time; what the disk cannot keep up with is dropped and counted. Lines are ASCII. Not durable: nothing is synced.
import { close, open, openSync, write } from "node:fs";

export interface LineFile {
  /** `line` ends with a line feed. */
  write(line: string): void;
  /** Lines lost: there was no room, or they could not be written. */
  readonly dropped: number;
  /** Opens the path anew, after a log rotation has moved the file away; the old one gets what was written so far. */
  reopen(): void;
  /** Resolves when everything is written, or after a second without success. */
  close(): Promise<void>;
}

export interface LineFileOptions {
  /** A path to append to, or `-` for standard output. */
  readonly path: string;
  /** Bytes that wait to be written, at most. Default 4 MiB. */
  readonly bufferBytesMax?: number;
  /** Told when the file cannot be opened anew or written; once until it works again. */
  readonly onError: (error: Error) => void;
}

/** So much is written at once; less waits for a moment, so that a busy log is a few large writes. */
const writeBytes = 64 * 1024;
const gatherMs = 200;
/** After a failed write. */
const againMs = 1_000;
const closeMs = 1_000;

/** Throws what the system says when the file cannot be opened. */
export function openLineFile({ path, bufferBytesMax = 4 * 1024 * 1024, onError }: LineFileOptions): LineFile {
  const isFile = path !== "-";
  let fd = isFile ? openSync(path, "a", 0o640) : 1;
  let gathered = "";
  let lines = 0;
  let dropped = 0;
  let writing = false;
  let failing = false;
  let timer: NodeJS.Timeout | undefined;
  let reopening = false;
  let idle = ignore;

  function add(line: string): void {
    if (gathered.length + line.length > bufferBytesMax) {
      dropped += 1;
      return;
    }
    gathered += line;
    lines += 1;
    if (gathered.length >= writeBytes && !failing) flush();
    else if (timer === undefined && !writing) timer = setTimeout(flush, gatherMs).unref();
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (writing) return;
    if (reopening) openAnew();
    else if (gathered === "") idle();
    else writeGathered();
  }

  function writeGathered(): void {
    writing = true;
    const bytes = Buffer.from(gathered, "latin1");
    const count = lines;
    gathered = "";
    lines = 0;
    writeAll(bytes, 0, count);
  }

  function writeAll(bytes: Buffer, from: number, count: number): void {
    write(fd, bytes, from, bytes.length - from, null, (error, written) => {
      if (error?.code === "EAGAIN") setTimeout(() => writeAll(bytes, from, count), 20).unref();
      else if (error) fail(error, count);
      else if (from + written < bytes.length) writeAll(bytes, from + written, count);
      else succeed();
    });
  }

  function succeed(): void {
    failing = false;
    writing = false;
    if (gathered.length >= writeBytes || reopening || idle !== ignore) flush();
    else if (gathered !== "") timer = setTimeout(flush, gatherMs).unref();
  }

  /** What could not be written is lost; what comes now waits and is tried later. */
  function fail(error: Error, count: number): void {
    dropped += count;
    if (!failing) onError(error);
    failing = true;
    writing = false;
    timer = setTimeout(flush, againMs).unref();
  }

  /** The lines gathered so far went to the old file, since they were before the rotation. */
  function openAnew(): void {
    reopening = false;
    writing = isFile;
    if (!isFile) {
      flush();
      return;
    }
    open(path, "a", 0o640, (error, opened) => {
      writing = false;
      if (error) onError(error);
      else {
        close(fd, () => {});
        fd = opened;
        failing = false;
      }
      flush();
    });
  }

  return {
    write: add,
    get dropped() {
      return dropped;
    },
    reopen: () => {
      if (reopening) return;
      flush();
      reopening = true;
      flush();
    },
    close: () =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(patience);
          idle = ignore;
          if (isFile) close(fd, () => resolve());
          else resolve();
        };
        const patience = setTimeout(done, closeMs);
        idle = done;
        flush();
      }),
  };
}

const ignore = () => {};
