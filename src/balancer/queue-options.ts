// What the user configures of the queue, checked and with its defaults.
import { RoundhouseError } from "../errors.ts";
import type { ControlPlaneOptions } from "../queue/control/control-plane.ts";
import type { Config } from "./config.ts";

export interface QueueSettings {
  readonly control: Omit<ControlPlaneOptions, "log">;
  /** The queue's own listener, for the native API (and the course's paths too). */
  readonly port: number | null;
  /** What consumers of the course's contract use besides the front port; null: off. */
  readonly readPort: number | null;
  /** Whether `/v1` is the queue's on the front port. */
  readonly nativeOnFront: boolean;
}

/** Null: there is no queue. Throws BAD_CONFIG. */
export function settleQueue({ queue }: Config): QueueSettings | null {
  if (queue === undefined) return null;
  const { enabled, brokers, port, readPort, dataDir, paths, ...rest } = queue;
  if (enabled !== true) throw notEnabled(queue);
  return {
    control: { dataDir: dataDir ?? "roundhouse-queue", brokerCount: brokers ?? 1, ...definedOf(rest) },
    port: portOf(port, 5005),
    readPort: portOf(readPort, 5001),
    nativeOnFront: paths ?? false,
  };
}

const portOf = (port: number | "off" | undefined, fallback: number): number | null =>
  port === "off" ? null : (port ?? fallback);

function definedOf({ durability, messageBytesMax }: Omit<NonNullable<Config["queue"]>, "enabled">) {
  return {
    ...(durability === undefined ? {} : { durability }),
    ...(messageBytesMax === undefined ? {} : { messageBytesMax }),
  };
}

function notEnabled(queue: object): RoundhouseError {
  const given = Object.keys(queue).filter((name) => name !== "enabled");
  const text = `The queue's options (${given.join(", ") || "none"}) need the queue: add --queue, or enabled: true in the file`;
  return new RoundhouseError("BAD_CONFIG", text, { source: "downstream" });
}
