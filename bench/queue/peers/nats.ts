// nats-server with JetStream in files, by its own client. Version 2.9 answers a publish when the message is written to
// the file, and syncs every two minutes (sync_interval), which cannot be set in that version.
import { AckPolicy, type JsMsg, jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { accepting, freePorts, startPinned } from "../../proxy/pinned-process.ts";
import type { QueuePeer, Session } from "./peer.ts";

/** More than is ever read without an acknowledgement: AckPolicy.All acknowledges once per batch. */
const ACK_PENDING_MAX = 100_000;

async function openSession(port: number, topic: string): Promise<Session> {
  const connection = await connect({ servers: `127.0.0.1:${port}` });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: topic, subjects: [topic], storage: StorageType.File });
  await manager.consumers.add(topic, {
    durable_name: "bench",
    ack_policy: AckPolicy.All,
    max_ack_pending: ACK_PENDING_MAX,
  });
  const client = jetstream(connection);
  return {
    async produce(values) {
      await Promise.all(values.map((value) => client.publish(topic, value, { timeout: 30_000 })));
    },
    async consume(batch, take, signal) {
      const consumer = await client.consumers.get(topic, "bench");
      const messages = await consumer.consume({ max_messages: batch });
      const stop = (): void => void messages.close();
      signal.addEventListener("abort", stop);
      let last: JsMsg | null = null;
      let unacknowledged = 0;
      for await (const message of messages) {
        take([message.data]);
        last = message;
        if (++unacknowledged < batch) continue;
        message.ack();
        unacknowledged = 0;
      }
      if (unacknowledged > 0) last?.ack();
      await connection.flush();
    },
    async remove() {
      await manager.streams.delete(topic);
      await connection.close();
    },
  };
}

export const natsPeer: QueuePeer = {
  name: "nats-server",
  program: "nats-server",
  acknowledgement: "written to the file, synced every 2 minutes (JetStream 2.9)",
  synced: false,
  async start(folder, core) {
    const [port] = (await freePorts(1)) as [number];
    const started = startPinned(
      ["nats-server", "-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder],
      { core },
    );
    await accepting("nats-server", started, port);
    return {
      pid: started.pid,
      open: (topic) => openSession(port, topic),
      stop: () => started.stop(),
    };
  },
};
