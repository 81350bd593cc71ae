// The program's log: JSON lines, one per event, with stable field names. Not an access log, and never on the path
// of a request. Written asynchronously into a bounded buffer: a reader that stalls costs lines, not the event loop.
import { destination, type LoggerOptions, pino, stdTimeFunctions } from "pino";
import { formatLogLine } from "./log-format.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** What the parts of the program log with. `fields` are for programs, `message` is for people. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A log that owns its destination. */
export interface OwnedLog extends Log {
  /** Lines lost because the reader was slower than {@link LogOptions.bufferBytesMax} allows. */
  readonly dropped: number;
  /** From now on lines below this level are not written. */
  setLevel(level: LogLevel): void;
  /** Resolves when everything logged so far has been handed to the system, or after a second without a reader. */
  flush(): Promise<void>;
}

/** Where lines go when it is not a file descriptor: for terminals and tests. */
export interface LineSink {
  write(line: string): void;
}

export interface LogOptions {
  /** Least level that is written. Default `info`. */
  readonly level?: LogLevel;
  /** A file descriptor (default 1, standard output), a file to append to, or a sink of lines. */
  readonly destination?: number | string | LineSink;
  /** `json` (default), or `pretty`: a line for people. `colour` is for terminals. */
  readonly format?: "json" | "pretty" | "colour";
  /** Bytes held for a slow reader before lines are dropped. Default 1 MiB. */
  readonly bufferBytesMax?: number;
}

/** Opens a log. A file that cannot be opened makes the promise of the first `flush` reject, nothing else. */
export function createLog(options: LogOptions = {}): OwnedLog {
  const sink = openSink(options);
  const format = options.format ?? "json";
  const target: LineSink =
    format === "json"
      ? sink
      : { write: (line) => sink.write(formatLogLine(line, { colour: format === "colour" })) };
  const logger = pino(loggerOptions(options.level ?? "info"), target);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    get dropped() {
      return sink.dropped();
    },
    setLevel: (level) => {
      logger.level = level;
    },
    flush: sink.flush,
  };
}

const flushMsMax = 1_000;

interface Sink extends LineSink {
  dropped(): number;
  flush(): Promise<void>;
}

function openSink({ destination: to = 1, bufferBytesMax = 1024 * 1024 }: LogOptions): Sink {
  if (typeof to === "object") {
    return { write: (line) => to.write(line), dropped: () => 0, flush: async () => {} };
  }
  // With a minLength of 0 its flush() would not wait.
  const stream = destination({
    dest: to,
    sync: false,
    append: true,
    minLength: 1,
    maxLength: bufferBytesMax,
  });
  let dropped = 0;
  let failure: Error | null = null;
  stream.on("drop", () => {
    dropped += 1;
  });
  // EPIPE and the like: a log nobody reads must not end the program.
  stream.on("error", (error: Error) => {
    failure = error;
  });
  const flush = () =>
    new Promise<void>((resolve, reject) => {
      if (failure !== null) return reject(failure);
      const patience = setTimeout(resolve, flushMsMax);
      stream.flush((error) => {
        clearTimeout(patience);
        if (error) reject(error);
        else resolve();
      });
    });
  return { write: (line) => stream.write(line), dropped: () => dropped, flush };
}

/** Field names are an interface: `time` (ISO 8601), `level` (a word), `event`, then the event's own, then `msg`. */
function loggerOptions(level: LogLevel): LoggerOptions {
  return {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
}
