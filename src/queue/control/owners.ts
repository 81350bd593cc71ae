// The shell around ownership.ts: takes events one after another, and carries out what follows in the reducer's order.
// An epoch is durable before the open that it is for is sent.
import type { Log } from "../../telemetry/log.ts";
import {
  createOwnership,
  type Ownership,
  type OwnershipEffect,
  type OwnershipEvent,
  reduceOwnership,
} from "../ownership.ts";

type Carried = Exclude<OwnershipEffect, { readonly kind: "remember" }>;

export interface OwnersOptions {
  /** By tablet number, as remembered. */
  readonly epochs: readonly number[];
  /** Makes these tablets' epochs durable. */
  readonly remember: (epochs: ReadonlyMap<number, number>) => Promise<void>;
  /** Does what the effect says; must not throw. */
  readonly carryOut: (effect: Carried) => void;
  /** The state has changed, and what followed is carried out. */
  readonly changed: () => void;
  readonly log: Log;
  readonly nowMs: () => number;
}

export interface Owners {
  state(): Ownership;
  happen(event: OwnershipEvent): void;
  close(): void;
}

const TICK_MS = 250;
/** Pause before epochs that could not be made durable are tried again. */
const REMEMBER_AGAIN_MS = 500;

export function createOwners(options: OwnersOptions): Owners {
  const { remember, carryOut, changed, log, nowMs } = options;
  let state = createOwnership(options.epochs, nowMs());
  const events: OwnershipEvent[] = [];
  let running = false;
  let closed = false;
  /** Opens whose epochs could not be made durable yet. Meanwhile no deadline counts: it is nobody's fault. */
  let overdue = 0;
  const timer = setInterval(() => {
    if (overdue === 0) happen({ kind: "tick" });
  }, TICK_MS);

  function happen(event: OwnershipEvent): void {
    if (closed) return;
    events.push(event);
    if (!running) void run();
  }

  async function run(): Promise<void> {
    running = true;
    for (let event = events.shift(); event !== undefined; event = events.shift()) {
      const before = state;
      const { state: next, effects } = reduceOwnership(before, event, nowMs());
      state = next;
      await follow(effects);
      if (effects.length > 0 || next.brokers !== before.brokers || event.kind !== "tick") changed();
    }
    running = false;
  }

  /** All epochs of a step are made durable together, before its first open. */
  async function follow(effects: readonly OwnershipEffect[]): Promise<void> {
    const epochs = new Map<number, number>();
    for (const effect of effects) if (effect.kind === "remember") epochs.set(effect.tablet, effect.epoch);
    let durable: boolean | null = null;
    const late: Carried[] = [];
    for (const effect of effects) {
      if (effect.kind === "remember") durable ??= await tryToRemember(epochs);
      else if (effect.kind === "open" && durable === false) late.push(effect);
      else carryOut(effect);
    }
    if (late.length > 0) void openLater(late, epochs);
  }

  async function tryToRemember(epochs: ReadonlyMap<number, number>): Promise<boolean> {
    try {
      await remember(epochs);
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.error({ event: "epochs" }, `The catalog could not be written, so that tablets wait: ${why}`);
      return false;
    }
  }

  async function openLater(opens: readonly Carried[], epochs: ReadonlyMap<number, number>): Promise<void> {
    overdue++;
    do {
      await new Promise((resolve) => setTimeout(resolve, REMEMBER_AGAIN_MS));
    } while (!closed && !(await tryToRemember(epochs)));
    overdue--;
    for (const open of opens) if (!closed && isWanted(open)) carryOut(open);
  }

  /** The world may have moved on meanwhile. */
  function isWanted(effect: Carried): boolean {
    if (effect.kind !== "open") return true;
    const place = state.tablets[effect.tablet];
    return place?.phase === "opening" && place.owner === effect.broker && place.epoch === effect.epoch;
  }

  return {
    state: () => state,
    happen,
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}
