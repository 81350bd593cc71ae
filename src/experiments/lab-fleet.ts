// Fleets of lab-replica.ts: how to start one, and how to change one replica's mood.
import { fileURLToPath } from "node:url";
import type { ReplicaState } from "./running-fleet.ts";

/** What goes behind `--`: the command of each replica. */
export function labCommand(environment: Readonly<Record<string, string>>): readonly string[] {
  const program = fileURLToPath(import.meta.url).replace(/lab-fleet(\.[jt]s)$/, "lab-replica$1");
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const node = [process.execPath, ...process.execArgv, program];
  return settings.length === 0 ? node : ["env", ...settings, ...node];
}

/** Tells one replica, past the front door, how to behave from now on. */
export async function setMood(
  { address }: ReplicaState,
  mood: { readonly status?: number; readonly delayMs?: number; readonly workers?: number },
): Promise<void> {
  await fetch(`http://${address}/mood`, { method: "PUT", body: JSON.stringify(mood) });
}
