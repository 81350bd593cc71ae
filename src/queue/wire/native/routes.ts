// Every path of the native API. The table is what is served, what is checked and what the OpenAPI document says.
import type { z } from "zod";
import {
  commitOffsets,
  consume,
  createConsumer,
  deleteConsumer,
  describeConsumer,
  listConsumers,
  seekConsumer,
} from "./consumers.ts";
import { fetchRecords } from "./fetch.ts";
import { BATCH_TYPE, LINES_TYPE, produce } from "./produce.ts";
import { type Described, jsonAnswer, type Route, route } from "./route.ts";
import * as form from "./schemas.ts";
import { compact, release } from "./tablet-care.ts";
import { addShard, createTopic, deleteTopic, describeTopic, listTopics, newProducerId } from "./topics.ts";

const json = (description: string, schema: z.ZodType): Described => ({
  description,
  content: { "application/json": schema },
});
const none: Described = { description: "Done." };

const produceContent = {
  "application/json": form.newMessage.or(form.newMessage.array().min(1)),
  [LINES_TYPE]: form.newMessage,
  [BATCH_TYPE]: null,
};
const fetchAnswer: Described = {
  description:
    "The messages. As lines or batches, the numbers are in the fields Start-Offset, End-Offset and Next-Offset; the first batch may begin before the offset.",
  content: { "application/json": form.fetched, [LINES_TYPE]: form.storedMessage, [BATCH_TYPE]: null },
};

const param = (params: readonly string[], index: number): string => params[index] ?? "";

export const routes: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/topics/{topic}/records",
    id: "produce",
    summary: "Append messages to the shards that their keys belong to",
    bodyContent: produceContent,
    answers: { 200: json("Durable.", form.produced) },
    run: (host, { request, params }) => produce(host, request, param(params, 0), null, undefined),
  }),
  route({
    method: "POST",
    path: "/v1/topics/{topic}/shards/{shard}/records",
    id: "produceToShard",
    summary: "Append messages to one shard",
    query: form.produceQuery,
    headers: form.producerHeaders,
    bodyContent: produceContent,
    answers: { 200: json("Durable.", form.produced) },
    run: (host, { request, params, query }) =>
      produce(host, request, param(params, 0), param(params, 1), query.expected_offset),
  }),
  route({
    method: "GET",
    path: "/v1/topics/{topic}/shards/{shard}/records",
    id: "fetch",
    summary: "Read messages of one shard from an offset or a time on",
    query: form.fetchQuery,
    answers: { 200: fetchAnswer },
    run: (host, { request, params, query }) =>
      fetchRecords(host, request, param(params, 0), param(params, 1), query),
  }),
  route({
    method: "GET",
    path: "/v1/topics",
    id: "listTopics",
    summary: "List the topics in the order of their creation",
    answers: { 200: json("The topics.", form.topicList) },
    run: (host) => listTopics(host),
  }),
  route({
    method: "POST",
    path: "/v1/topics",
    id: "createTopic",
    summary: "Create a topic",
    body: form.newTopic,
    answers: { 201: json("Created.", form.topicDescription) },
    run: (host, { body }) => createTopic(host, body),
  }),
  route({
    method: "GET",
    path: "/v1/topics/{topic}",
    id: "describeTopic",
    summary: "Describe a topic: its shards with owners, offsets and sizes",
    answers: { 200: json("The topic.", form.topicDescription) },
    run: (host, { params }) => describeTopic(host, param(params, 0)),
  }),
  route({
    method: "DELETE",
    path: "/v1/topics/{topic}",
    id: "deleteTopic",
    summary: "Delete a topic with its messages and its consumers' places",
    answers: { 204: none },
    run: (host, { params }) => deleteTopic(host, param(params, 0)),
  }),
  route({
    method: "POST",
    path: "/v1/topics/{topic}/shards",
    id: "addShard",
    summary: "Add a shard to a topic: one in n + 1 of its keys moves there",
    body: form.newShard,
    answers: { 201: json("Added.", form.topicDescription) },
    run: (host, { params, body }) => addShard(host, param(params, 0), body.name),
  }),
  route({
    method: "POST",
    path: "/v1/producers",
    id: "newProducer",
    summary: "Get an id for an idempotent producer",
    answers: { 201: json("An id that nobody else gets.", form.newProducer) },
    run: (host) => newProducerId(host),
  }),
  route({
    method: "POST",
    path: "/v1/backups",
    id: "backUp",
    summary: "Copy everything into a directory of this name beside the data, while the queue goes on",
    body: form.newBackup,
    answers: { 201: json("Copied; a queue can be started from it.", form.backup) },
    run: ({ node }, { body }) =>
      node.control({ kind: "backUp", backup: body.name }).then((made) => jsonAnswer(201, made)),
  }),
  route({
    method: "POST",
    path: "/v1/compactions",
    id: "compact",
    summary: "Give back the disk room that a tablet does not use, while the queue goes on",
    body: form.newCompaction,
    answers: { 200: json("The size of the tablet's file, before and after.", form.compaction) },
    run: ({ node }, { body }) => compact(node, body.tablet),
  }),
  route({
    method: "POST",
    path: "/v1/releases",
    id: "release",
    summary: "Try a tablet again that was quarantined after repeated failures",
    body: form.newRelease,
    answers: { 200: json("How each trial has ended.", form.release) },
    run: ({ node }, { body }) => release(node, body.tablet ?? null),
  }),
  route({
    method: "GET",
    path: "/v1/topics/{topic}/consumers",
    id: "listConsumers",
    summary: "List the consumers of a topic",
    answers: { 200: json("Their names.", form.consumerList) },
    run: (host, { params }) => listConsumers(host, param(params, 0)),
  }),
  route({
    method: "POST",
    path: "/v1/topics/{topic}/consumers",
    id: "createConsumer",
    summary: "Create a consumer: a name with its own durable place in each shard",
    body: form.newConsumer,
    answers: { 201: json("Created.", form.consumerDescription) },
    run: (host, { params, body }) => createConsumer(host, param(params, 0), body),
  }),
  route({
    method: "GET",
    path: "/v1/topics/{topic}/consumers/{consumer}",
    id: "describeConsumer",
    summary: "Where a consumer stands, and how much it has yet to read",
    answers: { 200: json("The consumer.", form.consumerDescription) },
    run: (host, { params }) => describeConsumer(host, param(params, 0), param(params, 1)),
  }),
  route({
    method: "DELETE",
    path: "/v1/topics/{topic}/consumers/{consumer}",
    id: "deleteConsumer",
    summary: "Forget a consumer and its places",
    answers: { 204: none },
    run: (host, { params }) => deleteConsumer(host, param(params, 0), param(params, 1)),
  }),
  route({
    method: "GET",
    path: "/v1/topics/{topic}/consumers/{consumer}/records",
    id: "consume",
    summary: "The next messages of all shards from where the consumer stands; it does not move",
    query: form.consumeQuery,
    answers: { 200: json("The messages, by shard.", form.consumed) },
    run: (host, { request, params, query }) =>
      consume(host, request, param(params, 0), param(params, 1), query),
  }),
  route({
    method: "POST",
    path: "/v1/topics/{topic}/consumers/{consumer}/commit",
    id: "commit",
    summary: "Make it durable how far a consumer has read",
    body: form.commit,
    answers: { 204: none },
    run: (host, { params, body }) => commitOffsets(host, param(params, 0), param(params, 1), body),
  }),
  route({
    method: "POST",
    path: "/v1/topics/{topic}/consumers/{consumer}/seek",
    id: "seek",
    summary: "Move a consumer to the beginning, the end, a time or an offset",
    body: form.seek,
    answers: { 200: json("Where it stands now.", form.consumerDescription) },
    run: (host, { params, body }) => seekConsumer(host, param(params, 0), param(params, 1), body),
  }),
];
