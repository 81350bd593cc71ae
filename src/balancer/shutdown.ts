// The order in which a front door stops, so that nobody loses a request:
//
//   /readyz says 503 → lame duck: still accepting, while load balancers before us find out
//     → no new connections; answers say `Connection: close`, and each connection ends after its request
//     → replicas stop → the rest is closed
//
// A second call with a shorter deadline hurries the step under way and those after it, never the other way round.

export interface ShutdownSteps {
  lameDuckMs(): number;
  /** Takes no new connections any more, once those that are on their way have been taken. */
  stopAccepting(deadlineMs: number): Promise<void>;
  /** Ends connections when they have been served; resolves when all are gone. */
  drain(deadlineMs: number): Promise<void>;
  stopReplicas(deadlineMs: number): Promise<void>;
  closeRest(): Promise<void>;
}

export interface Shutdown {
  /** True from the first call of {@link close} on. */
  readonly closing: boolean;
  /** Draining, and then stopping the replicas, take at most `deadlineMs` each. */
  close(deadlineMs: number): Promise<void>;
}

export function createShutdown(steps: ShutdownSteps): Shutdown {
  let patienceMs = Number.POSITIVE_INFINITY;
  let closed: Promise<void> | null = null;
  let hurry = () => {};

  async function run(): Promise<void> {
    const duckMs = Math.min(steps.lameDuckMs(), patienceMs);
    if (duckMs > 0) await lameDuck(duckMs);
    hurry = () => void steps.stopAccepting(patienceMs);
    await steps.stopAccepting(patienceMs);
    hurry = () => void steps.drain(patienceMs);
    await steps.drain(patienceMs);
    hurry = () => void steps.stopReplicas(patienceMs);
    await steps.stopReplicas(patienceMs);
    await steps.closeRest();
  }

  /** Whoever asks a second time does not want to wait for load balancers. */
  function lameDuck(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return {
    get closing() {
      return closed !== null;
    },
    close: (deadlineMs) => {
      const first = closed === null;
      patienceMs = Math.min(patienceMs, deadlineMs);
      if (!first) hurry();
      else closed = Promise.resolve(); // `closing` is true while the first steps are taken
      if (first) closed = run();
      return closed as Promise<void>;
    },
  };
}
