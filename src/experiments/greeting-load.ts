// The load of most experiments: so many requests for /home, by 64 users at once, counted by the replica that greets.
import { type LoadResult, runLoad } from "../load/load.ts";
import { settleLoad } from "../load/load-settings.ts";
import type { RunningFleet } from "./running-fleet.ts";

export function greetingLoad(
  fleet: RunningFleet,
  requestCount: number,
  seed: number,
  signal: AbortSignal,
): Promise<LoadResult> {
  const { options } = settleLoad({
    url: `${fleet.url}/home`,
    users: "64",
    requests: String(requestCount),
    seed: String(seed),
  });
  return runLoad({ ...options, signal });
}

/** The count of each of these replicas, 0 for one that got nothing. */
export function countsOf(result: LoadResult, names: readonly string[]): number[] {
  return names.map((name) => result.byReplica[name] ?? 0);
}
