// The forms of the native API, as the server checks them and as its OpenAPI document shows them.
import { z } from "zod";

/** A whole number in a query: text that is only digits. */
const whole = (max: number, description: string) =>
  z
    .preprocess(
      (text) => (typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : text),
      z.int().min(0).max(max),
    )
    .meta({ description });

const flag = (description: string) =>
  z
    .preprocess((text) => (text === "true" ? true : text === "false" ? false : text), z.boolean())
    .meta({ description });

const offsetMax = Number.MAX_SAFE_INTEGER;
export const WAIT_MS_MAX = 60_000;
export const MESSAGES_READ_MAX = 10_000;

const nullableText = z.string().nullable();

/** One message of a produce request. */
export const newMessage = z
  .strictObject({
    key: nullableText
      .optional()
      .meta({ description: "Messages of one key go to one shard and keep their order." }),
    key_base64: z.base64().optional(),
    value: nullableText.optional().meta({ description: "Null is a tombstone. Either this or value_base64." }),
    value_base64: z.base64().optional(),
    headers: z.record(z.string(), nullableText).nullable().optional(),
    headers_base64: z.record(z.string(), z.base64().nullable()).nullable().optional(),
    timestamp_ms: z
      .int()
      .min(-(2 ** 48))
      .max(2 ** 48)
      .optional()
      .meta({ description: "Default: now." }),
  })
  .refine(({ value, value_base64 }) => (value === undefined) !== (value_base64 === undefined), "one value")
  .refine(({ key, key_base64 }) => key === undefined || key_base64 === undefined, "one key");

/** One message as it is read. */
export const storedMessage = z.strictObject({
  offset: z.int().min(0),
  timestamp_ms: z.int(),
  key: z.string().optional(),
  key_base64: z.base64().optional(),
  value: nullableText.optional(),
  value_base64: z.base64().optional(),
  headers: z.record(z.string(), nullableText).optional(),
  headers_base64: z.record(z.string(), z.base64()).optional(),
});

export const produced = z.strictObject({
  appended: z.array(
    z.strictObject({
      shard: z.string(),
      base_offset: z.int().min(0).meta({ description: "Of the first; the others follow without gaps." }),
      count: z.int().min(1),
      duplicate: z.boolean().optional().meta({ description: "Sent before: this is the first answer again." }),
    }),
  ),
});

export const produceQuery = z.strictObject({
  expected_offset: whole(
    offsetMax,
    "Append only if the shard ends here, else 409 with the actual end.",
  ).optional(),
});

export const producerHeaders = z.object({
  "producer-id": whole(offsetMax, "Makes the append idempotent; from POST /v1/producers.").optional(),
  "producer-epoch": whole(32_767, "Of this instance of the producer; default 0.").optional(),
  "producer-sequence": whole(
    2 ** 31 - 1,
    "Number of the first message among this producer's in this shard.",
  ).optional(),
});

const readLimits = {
  max_messages: whole(MESSAGES_READ_MAX, "Default 500.").default(500),
  max_bytes: whole(16 * 1024 * 1024, "Of record batches; at least one comes. Default 1 MiB.").default(
    1024 * 1024,
  ),
  wait_ms: whole(WAIT_MS_MAX, "How long to wait for the first message. Default 0.").default(0),
  binary: z
    .enum(["auto", "base64"])
    .default("auto")
    .meta({ description: "auto: text where the bytes are UTF-8. base64: always base64." }),
  skip_damaged: flag("Pass over damaged batches and list them. Default false.").default(false),
};

export const fetchQuery = z.strictObject({
  offset: whole(offsetMax, "Where to begin. Default: the oldest message.").optional(),
  time: whole(offsetMax, "Begin with the first message of this time or later, ms since 1970.").optional(),
  ...readLimits,
});

export const consumeQuery = z.strictObject(readLimits);

const damage = z.strictObject({ from: z.int(), to: z.int(), reason: z.string() });

export const fetched = z.strictObject({
  topic: z.string(),
  shard: z.string(),
  start: z.int().meta({ description: "Offset of the oldest message kept." }),
  end: z.int().meta({ description: "Offset that the next message gets." }),
  next: z.int().meta({ description: "Where to read on." }),
  messages: z.array(storedMessage),
  damaged: z.array(damage).optional(),
});

const name = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,249}$/, "1 to 249 letters, digits, dots, underscores and hyphens");

const retention = z
  .strictObject({
    age_ms: z.int().min(1).optional(),
    bytes_max: z.int().min(1).optional(),
    count_max: z.int().min(1).optional(),
  })
  .meta({ description: "A message goes when any of these says so. Default: everything is kept." });

export const newTopic = z.strictObject({
  name,
  shards: z
    .union([z.int().min(1).max(1000), z.array(name).min(1).max(1000)])
    .default(1)
    .meta({ description: "How many, named P1, P2 …; or their names." }),
  retention: retention.optional(),
});

export const newShard = z.strictObject({ name });

export const topicDescription = z.strictObject({
  name: z.string(),
  retention,
  shards: z.array(
    z.strictObject({
      name: z.string(),
      owner: z.string().nullable(),
      address: z.string().nullable().meta({
        description: "Of the owner, for clients on the same machine: every broker serves every shard.",
      }),
      epoch: z.int(),
      start: z.int(),
      end: z.int(),
      bytes: z.int(),
    }),
  ),
});

export const topicList = z.strictObject({
  topics: z.array(z.strictObject({ name: z.string(), shards: z.array(z.string()) })),
});

export const newBackup = z.strictObject({ name });

export const backup = z.strictObject({ directory: z.string(), files: z.int(), bytes: z.int() });

export const newCompaction = z.strictObject({ tablet: z.int().min(0) });

export const compaction = z.strictObject({
  tablet: z.int(),
  bytes_before: z.int(),
  bytes_after: z.int(),
});

export const newRelease = z.strictObject({
  tablet: z.int().min(0).optional().meta({ description: "Default: each that is quarantined." }),
});

export const release = z.strictObject({
  tablets: z.array(
    z.strictObject({
      tablet: z.int(),
      owner: z.string().nullable().meta({ description: "The broker that serves it now, or null." }),
      reason: z.string().nullable().meta({ description: "Why it is quarantined again, or null." }),
    }),
  ),
});

export const newProducer = z.strictObject({ producer_id: z.int(), epoch: z.int() });

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: "For programs; constant for good." }),
    detail: z
      .string()
      .meta({ description: "For people: what failed, what was seen, what would be accepted." }),
    retryable: z.boolean().optional(),
  })
  .meta({ description: "RFC 9457 problem details; some codes have further members." });

const place = {
  shard: name.optional().meta({ description: "Default: every shard." }),
};

export const newConsumer = z.strictObject({ name, from: z.enum(["beginning", "end"]).default("beginning") });

export const consumerDescription = z.strictObject({
  topic: z.string(),
  name: z.string(),
  lag: z.int().meta({ description: "How many messages are still to be read." }),
  shards: z.array(
    z.strictObject({ shard: z.string(), offset: z.int(), start: z.int(), end: z.int(), lag: z.int() }),
  ),
});

export const consumerList = z.strictObject({ consumers: z.array(z.string()) });

export const commit = z.strictObject({
  offsets: z
    .record(name, z.int().min(0))
    .meta({ description: "By shard: where to read on, one more than the last message that is done with." }),
});

export const seek = z.union([
  z.strictObject({ to: z.enum(["beginning", "end"]), ...place }),
  z.strictObject({ time: z.int().min(0), ...place }),
  z.strictObject({ offset: z.int().min(0), shard: name }),
]);

export const consumed = z.strictObject({
  topic: z.string(),
  consumer: z.string(),
  shards: z.array(z.strictObject({ shard: z.string(), next: z.int(), messages: z.array(storedMessage) })),
});
