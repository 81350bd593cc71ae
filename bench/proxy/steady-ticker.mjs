// A worker thread that raises the main thread every `tickMs`: Node's own timers know whole milliseconds only.
// Message 0 tells when the schedule starts, on the clock that threads share; then comes the number of each tick.
import { parentPort, workerData } from "node:worker_threads";

const { tickMs, ticks } = workerData;
const cell = new Int32Array(new SharedArrayBuffer(4));
const now = () => performance.timeOrigin + performance.now();
const startMs = now();
parentPort.postMessage({ startMs });
for (let tick = 1; tick <= ticks; tick++) {
  const waitMs = startMs + tick * tickMs - now();
  if (waitMs > 0) Atomics.wait(cell, 0, 0, waitMs);
  parentPort.postMessage({ tick });
}
