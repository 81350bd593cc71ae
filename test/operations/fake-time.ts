// A clock that goes when it is told to. While it is installed, setTimeout, setInterval, setImmediate and
// performance.now are its own; so the program's own shells run on it unchanged. Promises run as ever.

type Work = () => void;

export interface FakeTime {
  nowMs(): number;
  /** For the world outside the program: not among what {@link forget} drops. */
  at(inMs: number, work: Work): void;
  /** Goes on by so much, doing what falls due, in order. */
  advance(ms: number): Promise<void>;
  /** Goes on until the condition holds, at most by so much; false: it never did. */
  advanceUntil(condition: () => boolean, atMostMs: number): Promise<boolean>;
  /** What the program had planned is gone, as when its process is killed. */
  forget(): void;
  uninstall(): void;
}

interface Planned {
  readonly dueMs: number;
  readonly order: number;
  readonly work: Work;
  readonly everyMs: number | null;
  readonly outside: boolean;
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
};

export function installFakeTime(): FakeTime {
  let nowMs = 1_000;
  let orders = 0;
  const planned = new Set<Planned>();
  const realNow = performance.now;

  function plan(work: Work, inMs: number, everyMs: number | null, outside: boolean): Planned {
    orders += 1;
    const each = { dueMs: nowMs + Math.max(0, inMs), order: orders, work, everyMs, outside };
    planned.add(each);
    return each;
  }

  /** What a timer function gives; the program may call `unref` on it. */
  function handleOf(each: Planned): object {
    const handle = { each, unref: () => handle, ref: () => handle };
    return handle;
  }

  const cancel = (handle: unknown): void => {
    const { each } = (handle ?? {}) as { each?: Planned };
    if (each !== undefined) planned.delete(each);
  };
  // Node's timers wait for a millisecond at least.
  const after = (work: (...args: unknown[]) => void, inMs = 1, ...args: unknown[]): object =>
    handleOf(plan(() => work(...args), Math.max(1, inMs), null, false));
  const every = (work: (...args: unknown[]) => void, inMs = 1, ...args: unknown[]): object =>
    handleOf(plan(() => work(...args), Math.max(1, inMs), Math.max(1, inMs), false));
  const soon = (work: (...args: unknown[]) => void, ...args: unknown[]): object =>
    handleOf(plan(() => work(...args), 0, null, false));
  Object.assign(globalThis, {
    setTimeout: after,
    clearTimeout: cancel,
    setInterval: every,
    clearInterval: cancel,
    setImmediate: soon,
    clearImmediate: cancel,
  });
  performance.now = () => nowMs;

  function next(): Planned | undefined {
    let first: Planned | undefined;
    for (const each of planned) {
      if (first === undefined || each.dueMs < first.dueMs) first = each;
      else if (each.dueMs === first.dueMs && each.order < first.order) first = each;
    }
    return first;
  }

  function fire(each: Planned): void {
    planned.delete(each);
    nowMs = Math.max(nowMs, each.dueMs);
    if (each.everyMs !== null) plan(each.work, each.everyMs, each.everyMs, each.outside);
    each.work();
  }

  /** Until no promise has anything left to do. */
  const promises = (): Promise<void> => new Promise((resolve) => void real.setImmediate(resolve));

  async function advanceUntil(condition: () => boolean, atMostMs: number): Promise<boolean> {
    const untilMs = nowMs + atMostMs;
    await promises();
    for (;;) {
      if (condition()) return true;
      const each = next();
      if (each === undefined || each.dueMs > untilMs) break;
      fire(each);
      await promises();
    }
    nowMs = untilMs;
    return condition();
  }

  return {
    nowMs: () => nowMs,
    at: (inMs, work) => void plan(work, inMs, null, true),
    advance: async (ms) => void (await advanceUntil(() => false, ms)),
    advanceUntil,
    forget: () => {
      for (const each of planned) if (!each.outside) planned.delete(each);
    },
    uninstall: () => {
      Object.assign(globalThis, real);
      performance.now = realNow;
    },
  };
}
