// A file to which the replicas' output is appended. Bounded: a disk that cannot keep up costs lines, not memory; one that
// fails costs the lines until it is back.
import { createWriteStream, openSync, type WriteStream } from "node:fs";
import type { FleetLog } from "../fleet.ts";

/** More than that waiting for the disk: lines are dropped until it has caught up. In bytes. */
const waitingBytesMax = 4 * 1024 * 1024;
/** From a failure to the next try, in ms. */
const retryMs = 5_000;

export interface LogFile {
  write(replica: string, line: string): void;
  /** Opens the file anew, after a log rotation has moved it away. */
  reopen(): void;
  close(): Promise<void>;
}

export function openLogFile(path: string, log: FleetLog, againMs: number = retryMs): LogFile {
  /** Told, and nothing could be written since. */
  let failing = false;
  let againAtMs = 0;
  let dropped = 0;
  let stream = open();

  function open(): WriteStream | null {
    try {
      const opened = createWriteStream(path, { fd: openSync(path, "a", 0o640) });
      opened.on("error", (error) => giveUp(opened, error));
      return opened;
    } catch (error) {
      tell(error as Error);
      return null;
    }
  }

  function giveUp(broken: WriteStream, error: Error): void {
    tell(error);
    if (stream === broken) stream = null;
  }

  function tell(error: Error): void {
    againAtMs = performance.now() + againMs;
    if (failing) return;
    failing = true;
    log.error({ path }, `Cannot write the replicas' output to ${path}: ${error.message}`);
  }

  return {
    write(replica, line) {
      if (stream === null && performance.now() >= againAtMs) stream = open();
      if (stream === null || stream.writableLength > waitingBytesMax) {
        dropped += 1;
        return;
      }
      if (dropped > 0) stream.write(`… ${dropped} lines dropped: the disk did not keep up\n`);
      dropped = 0;
      stream.write(`${new Date().toISOString()} ${replica} ${line}\n`, (error) => {
        if (!error) failing = false;
      });
    },
    reopen() {
      stream?.end();
      stream = open();
    },
    close: () =>
      new Promise((resolve) => {
        if (stream === null) resolve();
        else stream.end(() => resolve());
      }),
  };
}
