// Answers of replicas that break the rules of HTTP/1.1: logged with what is wrong, at most once a minute for each replica,
// so that one whose every answer is malformed does not fill the log.
import type { Log } from "../telemetry/log.ts";

export interface MalformedAnswers {
  readonly note: (replica: string, problem: string) => void;
}

const quietMs = 60_000;
/** Replicas remembered; replacements have new names, so the oldest is forgotten. */
const replicasMax = 1_000;

export function createMalformedAnswers(
  log: Pick<Log, "warn">,
  nowMs: () => number = Date.now,
): MalformedAnswers {
  const told = new Map<string, { untold: number; atMs: number }>();
  return {
    note: (replica, problem) => {
      const last = told.get(replica);
      if (last !== undefined && nowMs() - last.atMs < quietMs) {
        last.untold += 1;
        return;
      }
      const answers = (last?.untold ?? 0) + 1;
      told.delete(replica);
      told.set(replica, { untold: 0, atMs: nowMs() });
      if (told.size > replicasMax) for (const oldest of told.keys()) return void told.delete(oldest);
      log.warn(
        { event: "malformed-answer", replica, problem, answers },
        `A malformed answer from ${replica}: ${problem}`,
      );
    },
  };
}
