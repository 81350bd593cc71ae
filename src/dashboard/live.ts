// The live readings: keeps one stream of events open, and a cell for each reading. Reconnects by itself, soon at first
// and then every few seconds; readings that were shown stay, and the page says that they are old.
import { type Cell, createCell, useCell } from "./cell.ts";
import { createEventReader, type ServerEvent } from "./event-text.ts";
import { credentials, refreshSession } from "./session.ts";

export type Connection = "connecting" | "live" | "lost" | "refused";

export const connection = createCell<Connection>("connecting");

type Change = (before: never, change: never) => unknown;

const readings = new Map<string, Cell<unknown>>();
const changes = new Map<string, Change>();

/** Nothing for so long, not even the server's beat each 15 s: the connection is dead, whatever the browser thinks. */
const silenceMs = 40_000;
const retryMsMin = 250;
const retryMsMax = 5_000;

/** The last reading of this source; null until the first has come. */
export function reading<Reading>(name: string): Cell<Reading | null> {
  let cell = readings.get(name);
  if (cell === undefined) {
    cell = createCell<unknown>(null);
    readings.set(name, cell);
  }
  return cell as Cell<Reading | null>;
}

export function useReading<Reading>(name: string): Reading | null {
  return useCell(reading<Reading>(name));
}

/** How `event: NAME-change` leads from one reading to the next. */
export function applyChanges<Reading, Difference>(
  name: string,
  apply: (before: Reading, change: Difference) => Reading,
): void {
  changes.set(`${name}-change`, (before: Reading | null, change: Difference) => {
    if (before !== null) reading<Reading>(name).set(apply(before, change));
  });
}

let current: AbortController | null = null;

/** Opens the stream, or a new one with the credentials of now. */
export function connect(): void {
  current?.abort();
  current = new AbortController();
  void keepConnected(current.signal);
}

async function keepConnected(stopped: AbortSignal): Promise<void> {
  for (let retryMs = retryMsMin; !stopped.aborted; retryMs = Math.min(2 * retryMs, retryMsMax)) {
    const outcome = await listen(stopped);
    if (stopped.aborted) return;
    connection.set(outcome.refused ? "refused" : "lost");
    if (outcome.wasLive) retryMs = retryMsMin;
    await new Promise((resolve) => setTimeout(resolve, outcome.refused ? retryMsMax : retryMs));
  }
}

interface Outcome {
  readonly wasLive: boolean;
  readonly refused: boolean;
}

/** Resolves when the stream has ended, for whatever reason. */
async function listen(stopped: AbortSignal): Promise<Outcome> {
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  stopped.addEventListener("abort", abort);
  let silence = setTimeout(abort, silenceMs);
  let wasLive = false;
  try {
    const { readRefusal } = await refreshSession();
    if (readRefusal !== null) return { wasLive, refused: true };
    const response = await fetch("/api/v1/events", { headers: credentials(), signal: attempt.signal });
    if (!response.ok || response.body === null) return { wasLive, refused: response.status === 403 };
    const read = createEventReader();
    for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      clearTimeout(silence);
      silence = setTimeout(abort, silenceMs);
      wasLive = true;
      connection.set("live");
      for (const event of read(value)) take(event);
    }
  } catch {
    // The connection broke, or was given up: either way it is tried again.
  } finally {
    clearTimeout(silence);
    stopped.removeEventListener("abort", abort);
  }
  return { wasLive, refused: false };
}

function take({ name, data }: ServerEvent): void {
  const value: unknown = JSON.parse(data);
  const change = changes.get(name);
  if (change === undefined) reading(name).set(value);
  else change(reading(name.slice(0, -"-change".length)).value as never, value as never);
}
