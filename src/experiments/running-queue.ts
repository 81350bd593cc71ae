// A queue under experiment: `roundhouse broker` on a new directory, which goes with it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoundhouseError } from "../errors.ts";
import { type LogLine, type ProductCommand, startProduct, until } from "./running-product.ts";

export interface RunningQueue {
  /** The native API. */
  readonly url: string;
  /** Grows while it runs. */
  readonly log: readonly LogLine[];
  createTopic(name: string, shardCount: number): Promise<void>;
  /** Messages kept, by shard; from the ends of the shards. */
  sizes(topic: string): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

/** Starts so many brokers; resolves when all serve. */
export type QueueStarter = (brokerCount: number) => Promise<RunningQueue>;

export function queueStarter(command: ProductCommand, signal: AbortSignal): QueueStarter {
  return async (brokerCount) => {
    const folder = mkdtempSync(join(tmpdir(), "roundhouse-a8-"));
    const ports = ["--queue-port", "0", "--read-port", "off", "--admin-port", "off"];
    const fixed = [
      "broker",
      "--brokers",
      String(brokerCount),
      "--queue-data",
      join(folder, "data"),
      "--log-format",
      "json",
    ];
    const product = await startProduct(command, [...fixed, ...ports], "queue", signal);
    const url = `http://127.0.0.1:${(product.opened.ports as { queue: number }).queue}`;
    const serving = () =>
      product.log.filter(({ event, broker }) => event === "broker" && broker !== undefined);
    await until("all brokers serve", () => (serving().length >= brokerCount ? true : null));
    return {
      url,
      log: product.log,
      createTopic: (name, shards) => createTopic(url, name, shards),
      sizes: (topic) => sizes(url, topic),
      async stop() {
        await product.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  };
}

async function createTopic(url: string, name: string, shards: number): Promise<void> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ name, shards });
  const answer = await fetch(`${url}/v1/topics`, { method: "POST", headers, body });
  if (!answer.ok)
    throw new RoundhouseError("START_FAILED", `The experiment's topic was refused: ${await answer.text()}`);
}

async function sizes(url: string, topic: string): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`${url}/v1/topics/${topic}`);
  const { shards } = (await answer.json()) as { shards: { name: string; start: number; end: number }[] };
  return new Map(shards.map(({ name, start, end }) => [name, end - start]));
}
