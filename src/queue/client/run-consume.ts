// What `runconsume` does: registers for shards and writes what comes into `consumer_<id>.txt`, a line per message, each
// line before the next message is asked for.
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RoundhouseError } from "../../errors.ts";
import type { HttpClient } from "./http.ts";
import { type Consumed, createLegacyApi, type LegacyApi, type Subscription } from "./legacy.ts";
import { retry } from "./retry.ts";
import { reasonOf, registrationMayPass } from "./run-produce.ts";

export interface RunConsumeOptions {
  readonly id: number;
  readonly topics: readonly Subscription[];
  /** Where the queue is read from; the first that answers is used: `http://host:5001`, then `http://host:5000`. */
  readonly origins: readonly string[];
  /** Directory of `consumer_<id>.txt`; made if it is missing. */
  readonly logDir: string;
  readonly http: HttpClient;
  /** Ends after so long without data; default 20 s. */
  readonly timeoutMs?: number;
  /** What goes on, for people. */
  readonly tell: (text: string) => void;
  readonly onConsumed?: (total: number) => void;
  /** Called when all registrations are made: from here on nothing is missed. */
  readonly onRegistered?: () => void;
  /** Ends the run when what is being asked for has come and is written. */
  readonly signal?: AbortSignal;
}

interface Registration {
  readonly consumer: number;
  /** Messages had so far: a question asked again gets the same message again. */
  had: number;
}

/** For the answer to one question. Longer than a shard's change of owner may hold it. */
const TRY_MS = 11_000;
/** For a port to answer at all. */
const PROBE_MS = 2000;
const IDLE_MS = 20;
const IDLE_MS_MAX = 250;

/** Resolves to the number of messages written when no more have come for a while, or the signal was given. */
export async function runConsume(options: RunConsumeOptions): Promise<number> {
  const { id, topics, logDir, http, timeoutMs = 20_000, tell, onConsumed, signal } = options;
  mkdirSync(logDir, { recursive: true });
  const file = openSync(join(logDir, `consumer_${id}.txt`), "w");
  let total = 0;
  const write = ({ topic, message }: Consumed): void => {
    writeSync(file, `${topic}     ${message.replaceAll("\r", "\\r").replaceAll("\n", "\\n")}\n`);
    onConsumed?.(++total);
  };
  try {
    const again = {
      withinMs: timeoutMs,
      signal,
      onRetry: (error: unknown) => tell(`${reasonOf(error)}; trying again`),
    };
    const origin = await retry(() => firstThatAnswers(http, options.origins), {
      ...again,
      mayPass: () => true,
    });
    const api = createLegacyApi(http, origin);
    const registrations: Registration[] = [];
    for (const subscription of topics) {
      const register = () => api.registerConsumer(subscription);
      registrations.push({
        consumer: await retry(register, { ...again, mayPass: registrationMayPass }),
        had: 0,
      });
    }
    options.onRegistered?.();
    await consumeAll(api, registrations, write, timeoutMs, tell, signal);
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    closeSync(file);
  }
  return total;
}

/** In turn, one message from each, so that none waits for another to run dry. */
async function consumeAll(
  api: LegacyApi,
  registrations: readonly Registration[],
  write: (consumed: Consumed) => void,
  timeoutMs: number,
  tell: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  let dataAtMs = performance.now();
  let answeredAtMs = dataAtMs;
  let idleMs = IDLE_MS;
  let failure: unknown = null;
  while (!signal?.aborted) {
    let came = false;
    for (const registration of registrations) {
      if (signal?.aborted) return;
      try {
        const consumed = await api.consume(registration.consumer, registration.had, TRY_MS);
        answeredAtMs = performance.now();
        failure = null;
        if (consumed === null) continue;
        write(consumed);
        registration.had++;
        came = true;
      } catch (error) {
        if (failure === null) tell(`${reasonOf(error)}; trying again`);
        failure = error;
      }
    }
    const nowMs = performance.now();
    if (came) dataAtMs = nowMs;
    else if (nowMs - dataAtMs >= timeoutMs) {
      if (nowMs - answeredAtMs < timeoutMs) return;
      throw unanswered(timeoutMs, failure);
    }
    idleMs = came ? IDLE_MS : Math.min(IDLE_MS_MAX, idleMs * 1.5);
    if (!came) await pause(idleMs, undefined, signal === undefined ? {} : { signal });
  }
}

async function firstThatAnswers(http: HttpClient, origins: readonly string[]): Promise<string> {
  let failure: unknown;
  for (const origin of origins) {
    try {
      await createLegacyApi(http, origin).topics(PROBE_MS);
      return origin;
    } catch (error) {
      // A queue that refuses is a queue: registering will say why.
      if (error instanceof RoundhouseError && error.code === "BAD_REQUEST") return origin;
      failure = error;
    }
  }
  throw failure;
}

function unanswered(timeoutMs: number, cause: unknown): RoundhouseError {
  const text = `For ${timeoutMs / 1000} s the queue has given no answer: ${reasonOf(cause)}. What came before is written.`;
  return new RoundhouseError("TIMEOUT", text, { source: "upstream", retryable: true, cause });
}
