// The queue's native HTTP API (`/v1`, described by its OpenAPI document) from a client's side, with record batches as
// they are stored in both directions.
import { type ErrorCode, RoundhouseError } from "../../errors.ts";
import type { Place } from "../consumer.ts";
import type { BackedUp, ReleasedTablet } from "../control-command.ts";
import { batchesIn } from "../record-batch.ts";
import type { Retention } from "../tablet.ts";
import type { DamagedRange, FetchedBatches, Places, QueueApi, ShardName, TopicView } from "./api.ts";
import type { Answer, HttpClient, Question } from "./http.ts";

/** For an answer, besides the time that a fetch waits: longer than requests wait for a shard's new owner. */
const TRY_MS = 12_000;
/** For what goes through everything that is stored. */
const MAINTENANCE_MS = 3_600_000;
const BATCH_TYPE = "application/x-kafka-record-batch";

interface TopicText {
  readonly name: string;
  readonly retention: { readonly age_ms?: number; readonly bytes_max?: number; readonly count_max?: number };
  readonly shards: readonly {
    readonly name: string;
    readonly start: number;
    readonly end: number;
    readonly bytes: number;
    readonly address?: string | null;
  }[];
}

interface CompactedText {
  readonly bytes_before: number;
  readonly bytes_after: number;
}

interface FetchedText {
  readonly messages: readonly { readonly offset: number }[];
  readonly next: number;
  readonly damaged?: readonly DamagedRange[];
}

interface ConsumerText {
  readonly shards: readonly { readonly shard: string; readonly offset: number }[];
}

/** @param origin the queue's own address, such as `http://127.0.0.1:5005` */
export function createNativeApi(http: HttpClient, origin: string): QueueApi {
  async function call(question: Question, at: string | null = null): Promise<Answer> {
    const answer = await http.ask(at ?? origin, { timeoutMs: TRY_MS, ...question });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw errorOf(answer, question, at ?? origin);
  }

  /** For what takes as long as all that is stored takes. */
  async function patiently<T>(path: string, question: object): Promise<T> {
    const body = JSON.stringify(question);
    const content = { body, headers: { "content-type": "application/json" } };
    const answer = await call({ method: "POST", path, timeoutMs: MAINTENANCE_MS, ...content });
    return JSON.parse(String(answer.body)) as T;
  }

  async function json<T>(
    method: Question["method"],
    path: string,
    body?: object,
    signal?: AbortSignal,
  ): Promise<T> {
    const content =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const answer = await call({ method, path, signal, ...content });
    return (answer.body.length === 0 ? null : JSON.parse(String(answer.body))) as T;
  }

  const places = async (topic: string, consumer: string): Promise<Places> =>
    placesOf(await json<ConsumerText>("GET", pathOf(topic, "consumers", consumer)));

  return {
    topic: async (name, signal) => viewOf(await json<TopicText>("GET", pathOf(name), undefined, signal)),
    topics: async () =>
      (await json<{ topics: { name: string; shards: string[] }[] }>("GET", "/v1/topics")).topics,
    async createTopic(name, shards, retention) {
      return viewOf(
        await json<TopicText>("POST", "/v1/topics", { name, shards, retention: retentionText(retention) }),
      );
    },
    async deleteTopic(name) {
      await json("DELETE", pathOf(name));
    },
    async newProducer() {
      const made = await json<{ producer_id: number; epoch: number }>("POST", "/v1/producers");
      return { id: made.producer_id, epoch: made.epoch };
    },
    backUp: (name) => patiently<BackedUp>("/v1/backups", { name }),
    async compact(tablet) {
      const sizes = await patiently<CompactedText>("/v1/compactions", { tablet });
      return { bytesBefore: sizes.bytes_before, bytesAfter: sizes.bytes_after };
    },
    async release(tablet) {
      const body = tablet === null ? {} : { tablet };
      return (await patiently<{ tablets: ReleasedTablet[] }>("/v1/releases", body)).tablets;
    },
    async append({ topic, shard, at = null }, batch, signal) {
      const headers = { "content-type": BATCH_TYPE };
      const question = {
        method: "POST",
        path: pathOf(topic, "shards", shard, "records"),
        headers,
        body: batch,
      } as const;
      const answer = await call({ ...question, signal }, at);
      const { appended } = JSON.parse(String(answer.body)) as { appended: { base_offset: number }[] };
      return Number(appended[0]?.base_offset);
    },
    async fetch({ topic, shard, at = null }: ShardName, { offset, bytesMax, waitMs, signal }) {
      const query = `offset=${offset}&max_bytes=${bytesMax}&wait_ms=${waitMs}`;
      const path = `${pathOf(topic, "shards", shard, "records")}?${query}`;
      const headers = { accept: BATCH_TYPE };
      return fetchedFrom(
        await call({ method: "GET", path, headers, signal, timeoutMs: TRY_MS + waitMs }, at),
      );
    },
    async gapsAt({ topic, shard }, offset) {
      const query = `offset=${offset}&max_messages=1&skip_damaged=true`;
      const path = `${pathOf(topic, "shards", shard, "records")}?${query}`;
      const { messages, next, damaged = [] } = await json<FetchedText>("GET", path);
      // The message behind the damage is to be read as part of its batch.
      return { gaps: damaged, next: messages[0]?.offset ?? next };
    },
    async offsetAt({ topic, shard }, timestampMs) {
      const path = `${pathOf(topic, "shards", shard, "records")}?time=${timestampMs}&max_messages=1`;
      const { messages, next } = await json<FetchedText>("GET", path);
      return messages[0]?.offset ?? next;
    },
    places,
    async openConsumer(topic, consumer, from) {
      try {
        return placesOf(
          await json<ConsumerText>("POST", pathOf(topic, "consumers"), { name: consumer, from }),
        );
      } catch (error) {
        if (!(error instanceof RoundhouseError) || error.code !== "NAME_TAKEN") throw error;
        return places(topic, consumer);
      }
    },
    async commit(topic, consumer, offsets, at = null) {
      const path = pathOf(topic, "consumers", consumer, "commit");
      const body = JSON.stringify({ offsets: Object.fromEntries(offsets) });
      await call({ method: "POST", path, headers: { "content-type": "application/json" }, body }, at);
    },
    async seek(topic, consumer, place) {
      return placesOf(
        await json<ConsumerText>("POST", pathOf(topic, "consumers", consumer, "seek"), seekText(place)),
      );
    },
  };
}

const pathOf = (topic: string, ...more: string[]): string =>
  ["/v1/topics", topic, ...more].map((part, i) => (i === 0 ? part : encodeURIComponent(part))).join("/");

function viewOf({ name, shards, retention }: TopicText): TopicView {
  const { age_ms: ageMs, bytes_max: bytesMax, count_max: countMax } = retention;
  return {
    name,
    shards: shards.map(({ address = null, ...shard }) => ({ ...shard, owner: address })),
    retention: { ageMs, bytesMax, countMax },
  };
}

const retentionText = ({ ageMs, bytesMax, countMax }: Retention) => ({
  age_ms: ageMs,
  bytes_max: bytesMax,
  count_max: countMax,
});

const placesOf = ({ shards }: ConsumerText): Places =>
  new Map(shards.map(({ shard, offset }) => [shard, offset]));

function seekText(place: Place): object {
  if (typeof place === "string") return { to: place };
  return "timestampMs" in place ? { time: place.timestampMs } : { offset: place.offset, shard: place.shard };
}

function fetchedFrom({ body, header }: Answer): FetchedBatches {
  return { batches: [...batchesIn(body)], next: Number(header("next-offset")) };
}

/** Codes of ours that an answer may carry. What else it carries is told by its status. */
const codes: ReadonlySet<string> = new Set<ErrorCode>([
  "BAD_BATCH",
  "BAD_REQUEST",
  "COMPRESSION_UNSUPPORTED",
  "DAMAGED",
  "DISK_FULL",
  "FENCED",
  "FORBIDDEN",
  "FULL",
  "NAME_TAKEN",
  "NOT_FOUND",
  "OFFSET_MISMATCH",
  "OFFSET_OUT_OF_RANGE",
  "PRODUCER_FENCED",
  "SEQUENCE_GAP",
  "SHUTTING_DOWN",
  "STORE_FAILED",
  "TIMEOUT",
  "UNREACHABLE",
]);

function errorOf(answer: Answer, { method, path }: Question, origin: string): RoundhouseError {
  const { status } = answer;
  const problem = problemIn(answer.body);
  const known = problem !== null && codes.has(String(problem.code));
  const passing = status >= 500 || status === 408 || status === 429;
  const code = known ? (problem.code as ErrorCode) : passing ? "UNREACHABLE" : "BAD_REQUEST";
  const text =
    problem === null
      ? `${origin} answered ${method} ${path} with status ${status} and no word of the queue; is another server there?`
      : problem.detail;
  const retryable = passing && code !== "DAMAGED";
  return new RoundhouseError(code, text, { source: status >= 500 ? "upstream" : "downstream", retryable });
}

function problemIn(body: Buffer): { readonly code?: unknown; readonly detail: string } | null {
  try {
    const problem = JSON.parse(String(body)) as { code?: unknown; detail?: unknown } | null;
    return typeof problem?.detail === "string" ? { code: problem.code, detail: problem.detail } : null;
  } catch {
    return null;
  }
}
