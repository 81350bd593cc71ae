// Notices when a draining replica has no request in flight any more, by counting now and then.
import type { Life } from "./state.ts";

/** From one count to the next, in ms. The first comes after it too: requests routed just now are counted by then. */
const countEveryMs = 25;

export interface Drains {
  /** Call after every change. */
  follow(): void;
}

export function createDrains(
  lives: () => Iterable<Life>,
  isIdle: (name: string) => boolean,
  idle: (id: number) => void,
): Drains {
  let timer: NodeJS.Timeout | undefined;
  const waiting = (): Life[] =>
    [...lives()].filter((life) => life.state === "draining" && life.asked === "nothing");

  function count(): void {
    timer = undefined;
    for (const life of waiting()) if (isIdle(life.name)) idle(life.id);
    follow();
  }

  function follow(): void {
    if (timer === undefined && waiting().length > 0) timer = setTimeout(count, countEveryMs);
  }

  return { follow };
}
