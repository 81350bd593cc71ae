// One coarse clock for every deadline of the data plane. No request has a timer of its own: what has deadlines is
// looked at ten times a second.

import { settleReads } from "./turn.ts";

/** Looks through its connections for deadlines that have passed; `nowMs` is performance.now(). */
export type Sweep = (nowMs: number) => void;

export const sweepEveryMs = 100;
const heldUpMs = 3 * sweepEveryMs;

const sweeps = new Set<Sweep>();
let timer: NodeJS.Timeout | undefined;
let lastMs = 0;

/** The current Date as an HTTP field value (IMF-fixdate), at most a sweep old while anything is open. */
export const clock = { httpDate: new Date().toUTCString() };

/** From now on `sweep` is called ten times a second, until {@link stopSweep}. Does not keep the process alive. */
export function startSweep(sweep: Sweep): void {
  sweeps.add(sweep);
  if (timer !== undefined) return;
  clock.httpDate = new Date().toUTCString();
  lastMs = performance.now();
  timer = setInterval(sweepAll, sweepEveryMs);
  timer.unref();
}

export function stopSweep(sweep: Sweep): void {
  sweeps.delete(sweep);
  if (sweeps.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

// Deadlines are looked at after the turn's sockets were read, and not at all when our own event loop has just been
// held up: what came meanwhile, and what others could not send because of it, must not count against them.
function sweepAll(): void {
  const nowMs = performance.now();
  const heldUp = nowMs - lastMs > heldUpMs;
  lastMs = nowMs;
  clock.httpDate = new Date().toUTCString();
  if (!heldUp) setImmediate(lookAtDeadlines);
}

function lookAtDeadlines(): void {
  settleReads();
  const nowMs = performance.now();
  for (const sweep of sweeps) sweep(nowMs);
}
