// What Ctrl-C and SIGTERM do: the first drains and stops, the second stops at once.
import type { FrontDoor } from "../balancer/front-door.ts";
import type { Log } from "../telemetry/log.ts";

/**
 * One Ctrl-C can come twice: from the terminal, and forwarded by the npm, `timeout` or init that started us. A person's
 * second one takes longer.
 */
const echoMs = 250;

/** Resolves when the front door has closed after a signal. */
export function stopOnSignals(door: Pick<FrontDoor, "close">, log: Log, drainMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let signals = 0;
    let lastMs = Number.NEGATIVE_INFINITY;
    const stop = (signal: NodeJS.Signals) => {
      const nowMs = performance.now();
      if (nowMs - lastMs < echoMs) return;
      lastMs = nowMs;
      signals += 1;
      const deadlineMs = signals === 1 ? drainMs : 0;
      const how =
        signals === 1 ? `draining for up to ${drainMs} ms; again to stop at once` : "stopping at once";
      log.info({ event: "signal", signal }, `${signal}: ${how}`);
      door.close(deadlineMs).then(resolve, reject);
    };
    process.on("SIGINT", stop).on("SIGTERM", stop);
    // A terminal that is closed: nobody waits for a drain.
    process.on("SIGHUP", stop);
  });
}

/**
 * SIGUSR2, for log rotation: files are opened anew. Not SIGUSR1, by which Node starts its debugger, nor SIGHUP, which is
 * a closed terminal. Windows has no such signal.
 */
export function reopenOnSignal(log: Log, reopen: () => void): void {
  if (process.platform === "win32") return;
  process.on("SIGUSR2", () => {
    log.info({ event: "signal", signal: "SIGUSR2" }, "SIGUSR2: log files are opened anew");
    reopen();
  });
}
