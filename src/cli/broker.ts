// `roundhouse broker`: the queue alone, without a front door and its replicas, on ports of its own.
import { parseConfig } from "../balancer/config-check.ts";
import { openLog } from "../balancer/open-log.ts";
import { settleOptions } from "../balancer/options.ts";
import { openQueueHouse, type QueueHouse } from "../balancer/queue-house.ts";
import { type Admin, createAdmin } from "../telemetry/admin.ts";
import type { OwnedLog } from "../telemetry/log.ts";
import { obeySignals } from "./signals.ts";
import { configFromFlags, flagNameOf } from "./up-options.ts";

/** Resolves when everything has stopped; rejects with RoundhouseError when it could not start. */
export async function broker(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const token = process.env.ROUNDHOUSE_TOKEN;
  const fromFlags = configFromFlags(flags);
  const queueFlags = { ...(fromFlags.queue as object | undefined), enabled: true };
  const config = parseConfig(
    { ...(token ? { token } : {}), ...fromFlags, queue: queueFlags },
    "the command line",
    flagNameOf,
  );
  const log = openLog(config);
  const settings = settleOptions(config, () => {});
  const { queue, drainMs } = settings;
  if (queue === null) return;
  const house = await openQueueHouse({ queue, settings, log });
  const admin = await openAdmin(house, settings.admin).catch(async (error: unknown) => {
    await house.close(0);
    throw error;
  });
  log.info({ event: "queue", ports: house.ports, admin: settings.admin }, "Queue open");
  await obeySignals({ close: closeOf(house, admin, log, drainMs) }, log);
}

async function openAdmin(
  { metrics, ready }: QueueHouse,
  address: { readonly host: string; readonly port: number } | null,
): Promise<Admin | null> {
  return address === null ? null : createAdmin({ ...address, metrics, ready });
}

/** What a signal does; a second one hurries the first. */
function closeOf(house: QueueHouse, admin: Admin | null, log: OwnedLog, drainMs: number) {
  return async (deadlineMs = drainMs): Promise<void> => {
    await house.drain(deadlineMs);
    await house.close(deadlineMs);
    await admin?.close();
    await log.flush().catch(() => {});
  };
}
