// Where a launcher's servers write: each line goes to the log, to the memory of the last lines, and to a file where one
// is asked for. Every launcher that sees what its servers write has one of these.
import type { FleetLog } from "../fleet.ts";
import type { LaunchEvents } from "../launcher.ts";
import { openLogFile } from "./log-file.ts";
import { createRecentOutput, type OutputLine } from "./recent-output.ts";

export interface ReplicaOutput {
  /** A server of that name is about to start: the events to report its launch by, which note its end. */
  followed(name: string, events: LaunchEvents): LaunchEvents;
  /** A line that it has written. */
  write(name: string, stream: OutputLine["stream"], line: string): void;
  /** Its last lines; see `Launcher.outputOf`. */
  of(name: string): readonly OutputLine[] | null;
  /** Opens the file anew, after a log rotation. */
  reopen(): void;
  /** Resolves when the file is written. */
  close(): Promise<void>;
}

/** @param path of the file to which lines are appended, besides the log; undefined: there is none */
export function createReplicaOutput(log: FleetLog, path: string | undefined): ReplicaOutput {
  const file = path === undefined ? undefined : openLogFile(path, log);
  const recent = createRecentOutput();
  return {
    followed(name, { launched, exited }) {
      recent.begun(name);
      const ended = (reason: string): void => {
        recent.ended(name);
        exited(reason);
      };
      return { launched, exited: ended };
    },
    write(name, stream, line) {
      log.info({ replica: name, stream }, line);
      recent.note(name, stream, line);
      file?.write(name, line);
    },
    of: recent.of,
    reopen: () => file?.reopen(),
    close: async () => file?.close(),
  };
}
