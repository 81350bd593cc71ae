// The load of most experiments: so many requests for /home, by 64 users at once, counted by the seat of the replica that
// greets; once, or again and again while the fleet grows.
import { runLoad } from "../load/load.ts";
import { settleLoad } from "../load/load-settings.ts";
import { failedCount } from "../load/recorder.ts";
import type { Settings } from "./experiment.ts";
import type { RunningFleet } from "./running-fleet.ts";

export interface Greeted {
  /** Answers by seat, from the lowest; 0 for a replica that got nothing. */
  readonly counts: readonly number[];
  readonly failed: number;
  readonly seconds: number;
}

type LoadSettings = Pick<Settings, "requestCount" | "seed" | "signal">;

export async function greetingLoad(
  fleet: RunningFleet,
  { requestCount, seed, signal }: LoadSettings,
): Promise<Greeted> {
  const { options } = settleLoad({
    url: `${fleet.url}/home`,
    users: "64",
    requests: String(requestCount),
    seed: String(seed),
  });
  const { byReplica, counts, seconds } = await runLoad({ ...options, signal });
  const { replicas } = await fleet.status();
  const bySeat = [...replicas].sort((a, b) => a.seat - b.seat);
  return { counts: bySeat.map(({ name }) => byReplica[name] ?? 0), failed: failedCount(counts), seconds };
}

/** The same load at each size, of which `tell` hears first; the fleet has the first one already, and each size is one larger than the one before. */
export async function* greetingLoads(
  fleet: RunningFleet,
  sizes: readonly number[],
  settings: LoadSettings,
  tell: (servers: number) => void = () => {},
): AsyncGenerator<Greeted & { readonly servers: number }> {
  for (const servers of sizes) {
    tell(servers);
    if (servers > (sizes[0] ?? 0)) await fleet.add(1);
    yield { servers, ...(await greetingLoad(fleet, { ...settings, seed: settings.seed + servers })) };
  }
}
