// Looks now and then whether a replica that a roll-out has just seated fails its requests: its heartbeats may be fine.
import type { Life } from "./state.ts";

/** From one look to the next, in ms. */
const lookEveryMs = 100;

export interface FaultWatch {
  /** Call after every change. */
  follow(): void;
}

/** @param faultOf why a replica is not to be trusted, in words; null: nothing is known against it */
export function createFaultWatch(
  lives: () => Iterable<Life>,
  faultOf: (name: string) => string | null,
  faulty: (id: number, reason: string) => void,
): FaultWatch {
  let timer: NodeJS.Timeout | undefined;
  const watched = (): Life[] => [...lives()].filter((life) => life.watchedUntilMs > 0);

  function look(): void {
    timer = undefined;
    for (const { id, name } of watched()) {
      const reason = faultOf(name);
      if (reason !== null) faulty(id, reason);
    }
    follow();
  }

  function follow(): void {
    if (timer === undefined && watched().length > 0) timer = setTimeout(look, lookEveryMs);
  }

  return { follow };
}
