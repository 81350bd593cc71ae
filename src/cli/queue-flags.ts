// What the commands that talk to a queue share: its address, and what they do with the connection.
import type { Command } from "commander";
import type { QueueClient } from "../queue/client/client.ts";
import { usage } from "./usage.ts";

export interface QueueFlags {
  readonly queue: string;
  readonly token?: string;
}

export function withQueueFlags(command: Command): Command {
  return command
    .option("--queue <url>", "the queue", process.env.ROUNDHOUSE_QUEUE ?? "http://127.0.0.1:5005")
    .option("--token <secret>", "bearer token (or ROUNDHOUSE_TOKEN)");
}

/** Runs with a connection that is closed in the end. */
export async function withQueue<T>(flags: QueueFlags, run: (client: QueueClient) => Promise<T>): Promise<T> {
  if (!/^https?:/.test(flags.queue) || !URL.canParse(flags.queue)) {
    throw usage(`--queue is "${flags.queue}"; accepted: a URL such as http://127.0.0.1:5005`);
  }
  const { connectQueue } = await import("../queue/client/client.ts");
  const client = connectQueue(flags.queue, flags.token === undefined ? {} : { token: flags.token });
  try {
    return await run(client);
  } finally {
    client.close();
  }
}
