// A file of lines that never holds up who writes to it: lines are gathered in pages and written asynchronously, one write
// at a time; what the disk cannot keep up with is dropped and counted. Lines are ASCII. Not durable: nothing is synced.
import { close, open, openSync, writev } from "node:fs";

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

/** A full page is written at once; a begun one waits for a moment, so that a busy log is a few large writes. */
const pageBytes = 64 * 1024;
const gatherMs = 200;
/** After a failed write. */
const againMs = 1_000;
const closeMs = 1_000;

interface Page {
  readonly bytes: Buffer;
  used: number;
  lines: number;
}

/** Throws what the system says when the file cannot be opened. */
export function openLineFile({ path, bufferBytesMax = 4 * 1024 * 1024, onError }: LineFileOptions): LineFile {
  const isFile = path !== "-";
  let fd = isFile ? openSync(path, "a", 0o640) : 1;
  const size = Math.min(pageBytes, bufferBytesMax);
  /** In the order of writing; the last one is being filled. */
  const pages: Page[] = [];
  /** The one that was written last, to be filled again. */
  let spare: Page | undefined;
  let dropped = 0;
  /** Pages. */
  let writing = 0;
  let failing = false;
  let timer: NodeJS.Timeout | undefined;
  let reopening = false;
  /** To be written before the file is opened anew. */
  let pagesBefore = 0;
  let idle = ignore;

  function add(line: string): void {
    let page = pages.at(-1);
    if (page === undefined || page.used + line.length > size) page = nextPage();
    if (page === undefined || line.length > size) {
      dropped += 1;
      return;
    }
    page.bytes.write(line, page.used, "latin1");
    page.used += line.length;
    page.lines += 1;
    if (timer === undefined && writing === 0) timer = setTimeout(flush, gatherMs).unref();
  }

  /** Undefined: there is no room for one more. The page before is full, so it is written. */
  function nextPage(): Page | undefined {
    if ((pages.length + writing) * size >= bufferBytesMax) return undefined;
    if (pages.length > 0 && !failing) flush();
    return beginPage();
  }

  function beginPage(): Page {
    const page = spare ?? { bytes: Buffer.allocUnsafeSlow(size), used: 0, lines: 0 };
    spare = undefined;
    page.used = 0;
    page.lines = 0;
    pages.push(page);
    return page;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (writing > 0) return;
    const due = reopening ? pagesBefore : pages.length;
    if (reopening && due === 0) openAnew();
    else if (due > 0 && pages[0]?.lines !== 0) writePages(pages.splice(0, due));
    else idle();
  }

  function writePages(batch: readonly Page[]): void {
    writing = batch.length;
    pagesBefore = 0;
    const lines = batch.reduce((sum, page) => sum + page.lines, 0);
    writeAll(
      batch.map(({ bytes, used }) => bytes.subarray(0, used)),
      lines,
      () => {
        spare = batch[0];
      },
    );
  }

  function writeAll(buffers: readonly Buffer[], lines: number, done: () => void): void {
    writev(fd, buffers, (error, written) => {
      const left = error ? buffers : behind(buffers, written);
      if (error?.code === "EAGAIN") setTimeout(() => writeAll(left, lines, done), 20).unref();
      else if (error) fail(error, lines);
      else if (left.length > 0) writeAll(left, lines, done);
      else {
        done();
        succeed();
      }
    });
  }

  function succeed(): void {
    failing = false;
    writing = 0;
    if (pages.length > 1 || reopening || idle !== ignore) flush();
    else if (pages.length > 0) timer = setTimeout(flush, gatherMs).unref();
  }

  /** What could not be written is lost; what comes now waits and is tried later. */
  function fail(error: Error, count: number): void {
    dropped += count;
    if (!failing) onError(error);
    failing = true;
    writing = 0;
    timer = setTimeout(flush, againMs).unref();
  }

  /** The lines gathered so far went to the old file, since they were before the rotation. */
  function openAnew(): void {
    reopening = false;
    if (!isFile) {
      flush();
      return;
    }
    writing = 1;
    open(path, "a", 0o640, (error, opened) => {
      writing = 0;
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
      reopening = true;
      pagesBefore = pages.filter(({ lines }) => lines > 0).length;
      if (pagesBefore > 0 && pagesBefore === pages.length) beginPage(); // what comes now is for the new file
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

/** What is left of the buffers behind so many bytes. */
function behind(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  return buffers.flatMap((buffer) => {
    const from = Math.min(skip, buffer.length);
    skip -= from;
    return from === buffer.length ? [] : [buffer.subarray(from)];
  });
}

const ignore = () => {};
