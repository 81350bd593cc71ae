// The course project's HTTP contract from a client's side: register, produce, consume. Every failure there is status
// 400 with a message, so that a refusal for good and one that passes look alike; the callers decide by its text.
import { RoundhouseError } from "../../errors.ts";
import type { HttpClient } from "./http.ts";

/** Shard null: all of the topic, written `*`. */
export interface Subscription {
  readonly topic: string;
  readonly shard: string | null;
}

export interface Consumed {
  readonly message: string;
  /** As the answer names it: `T1:P1`. */
  readonly topic: string;
}

export interface LegacyApi {
  registerProducer(subscription: Subscription): Promise<number>;
  registerConsumer(subscription: Subscription): Promise<number>;
  /** @param sequence a repeated one gets the first answer again; resolves to what the queue says, `T1xP1:Success` */
  produce(producer: number, message: string, sequence: number, timeoutMs: number): Promise<string>;
  /** Null when there is nothing left. @param after how many messages the consumer has; repeated, the same comes again */
  consume(consumer: number, after: number, timeoutMs: number): Promise<Consumed | null>;
  /** How many messages the consumer has yet to read. */
  size(consumer: number): Promise<number>;
  topics(timeoutMs?: number): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>>;
}

interface Reply {
  readonly message: unknown;
  readonly status: "success" | "failure";
  readonly topic?: string;
}

const EMPTY = /^Empty logs for Comsumer/;

export function createLegacyApi(http: HttpClient, origin: string): LegacyApi {
  async function call(
    method: "GET" | "POST",
    path: string,
    body?: object,
    timeoutMs = 12_000,
  ): Promise<Reply> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { "content-type": "application/json" };
    const answer = await http.ask(origin, { method, path, headers, timeoutMs, ...json });
    const reply = parseReply(answer.body);
    if (reply === null) {
      throw new RoundhouseError(
        "UNREACHABLE",
        `${origin} answered ${method} ${path} with status ${answer.status} and no message of the queue; is another server there?`,
        { source: "upstream", retryable: true },
      );
    }
    if (reply.status === "success") return reply;
    throw new RoundhouseError("BAD_REQUEST", String(reply.message), { source: "downstream" });
  }

  async function register(path: string, { topic, shard }: Subscription): Promise<number> {
    const body = shard === null ? { topic } : { topic, part: shard };
    const { message } = await call("POST", path, body);
    const id = Number(message);
    if (Number.isSafeInteger(id)) return id;
    throw new RoundhouseError(
      "BAD_REQUEST",
      `${origin} registered us as ${JSON.stringify(message)}; a number was expected`,
    );
  }

  return {
    registerProducer: (subscription) => register("/producer/register", subscription),
    registerConsumer: (subscription) => register("/consumer/register", subscription),
    async produce(producer_id, message, sequence, timeoutMs) {
      const reply = await call("POST", "/producer/produce", { producer_id, message, sequence }, timeoutMs);
      return String(reply.message);
    },
    async consume(consumer, after, timeoutMs) {
      const path = `/consumer/consume?consumer_id=${consumer}&after=${after}`;
      try {
        const { message, topic } = await call("GET", path, undefined, timeoutMs);
        return { message: textOf(message), topic: topic ?? "" };
      } catch (error) {
        if (error instanceof RoundhouseError && EMPTY.test(error.message)) return null;
        throw error;
      }
    },
    size: async (consumer) => Number((await call("GET", `/size?consumer_id=${consumer}`)).message),
    topics: async (timeoutMs) =>
      (await call("GET", "/topics", undefined, timeoutMs)).message as Record<string, Record<string, string>>,
  };
}

function parseReply(body: Buffer): Reply | null {
  try {
    const reply = JSON.parse(String(body)) as Partial<Reply> | null;
    return reply?.status === "success" || reply?.status === "failure" ? (reply as Reply) : null;
  } catch {
    return null;
  }
}

const textOf = (message: unknown): string =>
  typeof message === "string" ? message : JSON.stringify(message);
