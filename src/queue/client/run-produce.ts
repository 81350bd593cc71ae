// What `runproduce` does: reads a list of messages and produces them one after another, each until it is acknowledged,
// so that messages keep their order within a shard.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { RoundhouseError } from "../../errors.ts";
import type { HttpClient } from "./http.ts";
import { createLegacyApi, type LegacyApi, type Subscription } from "./legacy.ts";
import { parseProducerLog, subscriptionText } from "./producer-log.ts";
import { retry } from "./retry.ts";

export interface RunProduceOptions {
  readonly id: number;
  readonly topics: readonly Subscription[];
  /** Where the queue is written to: `http://host:5000`. */
  readonly origin: string;
  /** Directory of `producer_<id>.txt`. */
  readonly logDir: string;
  readonly http: HttpClient;
  /** How long a message is tried again; default 20 s. */
  readonly retryMs?: number;
  /** What goes on, for people. */
  readonly tell: (text: string) => void;
  /** Called after each acknowledgement. */
  readonly onProduced?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

interface Registration {
  readonly producer: number;
  /** Of the next message; one that is sent again keeps its own, so that it is stored once. */
  sequence: number;
}

/** Resolves to the number of messages produced, all of them; rejects at the first that could not be. */
export async function runProduce(options: RunProduceOptions): Promise<number> {
  const { id, topics, origin, logDir, http, retryMs = 20_000, tell, onProduced, signal } = options;
  const file = join(logDir, `producer_${id}.txt`);
  const rows = parseProducerLog(file, await readText(file), topics);
  const api = createLegacyApi(http, origin);
  const again = {
    withinMs: retryMs,
    signal,
    onRetry: (error: unknown) => tell(`${reasonOf(error)}; trying again`),
  };
  const registrations: Registration[] = [];
  for (const subscription of topics) {
    const producer = await retry(() => api.registerProducer(subscription), {
      ...again,
      mayPass: registrationMayPass,
    });
    registrations.push({ producer, sequence: 0 });
  }
  for (const [index, { message, entry }] of rows.entries()) {
    signal?.throwIfAborted();
    const registration = registrations[entry] as Registration;
    await retry((leftMs) => send(api, registration, message, leftMs), {
      ...again,
      mayPass: () => true,
    }).catch((cause) => {
      throw notProduced(file, index, message, topics[entry] as Subscription, retryMs, cause);
    });
    registration.sequence++;
    onProduced?.(index + 1, rows.length);
  }
  return rows.length;
}

/** One try must not use up the time for the second: an answer to the first may have been lost. */
const TRY_MS = 11_000;

function send(
  api: LegacyApi,
  { producer, sequence }: Registration,
  message: string,
  leftMs: number,
): Promise<string> {
  return api.produce(producer, message, sequence, Math.min(leftMs, TRY_MS));
}

/** What does not exist will not come about by asking again. */
export function registrationMayPass(error: unknown): boolean {
  return !(error instanceof RoundhouseError) || !/does not exist/.test(error.message);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (cause as Error).message;
    throw new RoundhouseError("BAD_REQUEST", `Cannot read ${file}: ${reason}`, {
      source: "downstream",
      cause,
    });
  }
}

function notProduced(
  file: string,
  index: number,
  message: string,
  subscription: Subscription,
  retryMs: number,
  cause: unknown,
): unknown {
  if ((cause as Error)?.name === "AbortError") return cause;
  const text =
    `${file}: line ${index + 1}: "${message}" could not be produced to ${subscriptionText(subscription)} within ` +
    `${retryMs / 1000} s: ${reasonOf(cause)}. ${index} messages before it are acknowledged; nothing after it was sent.`;
  return new RoundhouseError("TIMEOUT", text, { source: "upstream", retryable: true, cause });
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
