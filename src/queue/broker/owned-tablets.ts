// The tablets that this broker owns: opened and closed when the control plane says so, each under its epoch, and
// every outcome reported. A tablet whose disk fails, or whose epoch is gone, is given up here and reported as failed.
//
//   open ──▶ opening ──▶ open ──▶ closing ──▶ closed
//               └──────────┴── failed
import { RoundhouseError } from "../../errors.ts";
import { openLmdbTablet } from "../stores/lmdb.ts";
import type { Durability, Tablet, TabletEvents } from "../tablet.ts";
import type { FromBroker } from "./messages.ts";

export interface OwnedTablets {
  open(tablet: number, epoch: number, file: string): void;
  /** Nothing more goes to it from this moment on. */
  close(tablet: number, epoch: number): void;
  /** Open, and not about to be closed; else null. */
  get(tablet: number): Tablet | null;
  all(): readonly Tablet[];
}

export interface OwnedTabletsOptions {
  /** Who opens, for whoever finds the file. */
  readonly owner: string;
  readonly durability: Durability;
  readonly events: TabletEvents;
  readonly report: (message: FromBroker) => void;
  /** Wraps a tablet so that its work leaves word; see work-marks.ts. */
  readonly mark: (tablet: Tablet) => Tablet;
  /** A tablet's disk has become full. */
  readonly onFull: () => void;
}

export function createOwnedTablets(options: OwnedTabletsOptions): OwnedTablets {
  const { owner, durability, events, report, onFull, mark } = options;
  const tablets = new Map<number, Tablet>();
  const closing = new Set<number>();
  /** The last order about a tablet, so that the next one waits for it. */
  const orders = new Map<number, Promise<void>>();

  function inOrder(tablet: number, work: () => Promise<void>): void {
    const before = orders.get(tablet) ?? Promise.resolve();
    orders.set(tablet, before.then(work));
  }

  function eventsOf(tablet: number, epoch: number): TabletEvents {
    return {
      ...events,
      onState(state, reason) {
        events.onState?.(state, reason);
        if (state === "full") onFull();
        if (state === "failed" || state === "fenced") inOrder(tablet, () => giveUp(tablet, epoch, reason));
      },
    };
  }

  async function open(tablet: number, epoch: number, file: string): Promise<void> {
    try {
      const opened = await openLmdbTablet({
        file,
        tablet,
        epoch,
        owner,
        durability,
        events: eventsOf(tablet, epoch),
      });
      tablets.set(tablet, mark(opened));
      report({ kind: "opened", tablet, epoch });
    } catch (error) {
      report({ kind: "failed", tablet, epoch, ...whyNotOpened(error) });
    }
  }

  /** What is under way is finished first. A closing that fails ends this process: then nothing is left open. */
  async function close(tablet: number): Promise<void> {
    const open = tablets.get(tablet);
    tablets.delete(tablet);
    closing.delete(tablet);
    await open?.close();
  }

  async function giveUp(tablet: number, epoch: number, reason: string): Promise<void> {
    if (tablets.get(tablet)?.epoch !== epoch) return;
    // The disk may fail the closing too; the process goes on, and the tablet's next owner will see.
    await close(tablet).catch(() => {});
    report({ kind: "failed", tablet, epoch, reason });
  }

  return {
    open: (tablet, epoch, file) => inOrder(tablet, () => open(tablet, epoch, file)),
    close(tablet, epoch) {
      closing.add(tablet);
      inOrder(tablet, async () => {
        await close(tablet);
        report({ kind: "closed", tablet, epoch });
      });
    },
    get: (tablet) => (closing.has(tablet) ? null : (tablets.get(tablet) ?? null)),
    all: () => [...tablets.values()].filter(({ tablet }) => !closing.has(tablet)),
  };
}

function whyNotOpened(error: unknown): { reason: string; foundEpoch?: number } {
  const reason = error instanceof Error ? error.message : String(error);
  if (!(error instanceof RoundhouseError) || error.code !== "FENCED") return { reason };
  const found = (error.cause as { epoch?: unknown } | undefined)?.epoch;
  return typeof found === "number" ? { reason, foundEpoch: found } : { reason };
}
