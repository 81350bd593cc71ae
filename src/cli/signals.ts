// What signals do to what `up` and `broker` run: the first Ctrl-C or SIGTERM drains and stops, the second stops at once; SIGHUP
// reloads the configuration of a front door, where no terminal could have sent it by being closed.
import type { Log } from "../telemetry/log.ts";

/**
 * One Ctrl-C can come twice: from the terminal, and forwarded by the npm, `timeout` or init that started us. A person's
 * second one takes longer.
 */
const echoMs = 250;

/** Resolves when what was opened has closed after a signal. `reload` undefined: SIGHUP stops too. */
export function obeySignals(
  opened: { close(deadlineMs?: number): Promise<void> },
  log: Log,
  reload?: () => Promise<unknown>,
): Promise<void> {
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
      opened.close(signals === 1 ? undefined : 0).then(resolve, reject);
    };
    const hangUp = () => {
      log.info({ event: "signal", signal: "SIGHUP" }, "SIGHUP: reading the configuration again");
      reload?.().catch((error: Error) => log.error({ event: "reload" }, error.message));
    };
    process.on("SIGINT", stop).on("SIGTERM", stop);
    // A terminal that is closed: nobody waits for a drain.
    process.on("SIGHUP", reload === undefined ? stop : hangUp);
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
