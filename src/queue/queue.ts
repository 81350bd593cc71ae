// The queue inside one process, and the public entry of the package's `./queue` export: topics cut into shards, on the
// disk, with consumers that remember where they are. No server and no port; brokers and their HTTP interface build on
// the same tablets.
//
//   const queue = await openQueue({ dataDir: "./data" });
//   await queue.createTopic("orders", { shards: 4 });
//   await queue.produce("orders", { key: "alice", value: "1 umbrella" });
//   for await (const message of await queue.consumer("orders", "billing")) console.log(String(message.value));
export type { Consumer, ConsumerOptions, Place, PollOptions } from "./consumer.ts";
export type {
  Produced,
  ProduceOptions,
  Queue,
  QueueOptions,
  ShardInfo,
  TopicInfo,
  TopicOptions,
} from "./definitions.ts";
export type { Message, NewMessage } from "./message.ts";
export { openQueue } from "./open-queue.ts";
export type { Damage, Durability, Retention } from "./tablet.ts";
