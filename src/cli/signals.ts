// What signals do to a front door: the first Ctrl-C or SIGTERM drains and stops, the second stops at once; SIGHUP
// reloads the configuration where no terminal could have sent it by being closed.
import type { FrontDoor } from "../balancer/front-door.ts";
import type { Log } from "../telemetry/log.ts";

/**
 * One Ctrl-C can come twice: from the terminal, and forwarded by the npm, `timeout` or init that started us. A person's
 * second one takes longer.
 */
const echoMs = 250;

/** Resolves when the front door has closed after a signal. */
export function obeySignals(door: FrontDoor, log: Log, onTerminal: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let signals = 0;
    let lastMs = Number.NEGATIVE_INFINITY;
    const stop = (signal: NodeJS.Signals) => {
      const nowMs = performance.now();
      if (nowMs - lastMs < echoMs) return;
      lastMs = nowMs;
      signals += 1;
      const how = signals === 1 ? "draining; again to stop at once" : "stopping at once";
      log.info({ event: "signal", signal }, `${signal}: ${how}`);
      door.close(signals === 1 ? undefined : 0).then(resolve, reject);
    };
    const reload = () => {
      log.info({ event: "signal", signal: "SIGHUP" }, "SIGHUP: reading the configuration again");
      door.reload().catch((error: Error) => log.error({ event: "reload" }, error.message));
    };
    process.on("SIGINT", stop).on("SIGTERM", stop);
    // A terminal that is closed: nobody waits for a drain.
    process.on("SIGHUP", onTerminal ? stop : reload);
  });
}
