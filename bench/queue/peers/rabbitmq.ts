// rabbitmq-server with a durable classic queue, persistent messages and publisher confirms, by amqplib. It has a port
// mapper (epmd) of its own, which is ended with it, and takes nothing from the machine's own RabbitMQ.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ConsumeMessage, connect } from "amqplib";
import { accepting, freePorts, startPinned } from "../../proxy/pinned-process.ts";
import { folderFor, type QueuePeer, type Session } from "./peer.ts";

/** Debian's /usr/sbin/rabbitmq-server changes the user and the working directory; this is what it runs in the end. */
const SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/** An Erlang node on one core beside others takes its time. */
const START_MS = 60_000;

function environment(
  folder: string,
  port: number,
  distPort: number,
  epmdPort: number,
): Record<string, string> {
  writeFileSync(join(folder, "enabled_plugins"), "[].\n");
  // A relative alarm limit would follow the machine; a run stays far below this one.
  writeFileSync(join(folder, "rabbitmq.conf"), `listeners.tcp.default = 127.0.0.1:${port}\n`);
  return {
    HOME: folder,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: `bench${port}@localhost`,
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq.conf"),
    RABBITMQ_CONF_ENV_FILE: join(folder, "none.conf"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins"),
    RABBITMQ_MNESIA_BASE: folderFor(folder, "data"),
    RABBITMQ_LOG_BASE: folderFor(folder, "log"),
    RABBITMQ_PID_FILE: join(folder, "pid"),
    // One scheduler for one core, which sleeps when there is nothing to do.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
  };
}

async function openSession(port: number, topic: string): Promise<Session> {
  const connection = await connect(`amqp://127.0.0.1:${port}`);
  const producing = await connection.createConfirmChannel();
  const consuming = await connection.createChannel();
  await producing.assertQueue(topic, { durable: true });
  return {
    produce(values) {
      return new Promise((resolve, reject) => {
        let left = values.length;
        const confirmed = (error: unknown): void => {
          if (error) reject(error);
          else if (--left === 0) resolve();
        };
        for (const value of values) producing.sendToQueue(topic, value, { persistent: true }, confirmed);
      });
    },
    async consume(batch, take, signal) {
      let last: ConsumeMessage | null = null;
      let unacknowledged = 0;
      const taken = (message: ConsumeMessage | null): void => {
        if (message === null) return;
        take([message.content]);
        last = message;
        if (++unacknowledged < batch) return;
        consuming.ack(message, true);
        unacknowledged = 0;
      };
      await consuming.prefetch(2 * batch);
      const { consumerTag } = await consuming.consume(topic, taken);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await consuming.cancel(consumerTag);
      if (last !== null && unacknowledged > 0) consuming.ack(last, true);
    },
    async remove() {
      await producing.deleteQueue(topic);
      await connection.close();
    },
  };
}

export const rabbitmqPeer: QueuePeer = {
  name: "rabbitmq-server",
  program: SERVER,
  acknowledgement: "confirmed by a durable queue: synced, many messages at a time",
  synced: true,
  async start(folder, core) {
    const [port, distPort, epmdPort] = (await freePorts(3)) as [number, number, number];
    const variables = environment(folder, port, distPort, epmdPort);
    const started = startPinned([SERVER], { core, environment: variables });
    await accepting("rabbitmq-server", started, port, START_MS);
    return {
      pid: started.pid,
      open: (topic) => openSession(port, topic),
      async stop() {
        await started.stop();
        spawnSync("epmd", ["-kill"], { env: { ...process.env, ERL_EPMD_PORT: String(epmdPort) } });
      },
    };
  },
};
