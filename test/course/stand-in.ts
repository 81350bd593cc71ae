// The course project's contract in memory, on a real port: enough of it for the tools that speak it to be tried alone,
// with answers that get lost on purpose. It keeps nothing on a disk and knows one broker.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface StandIn {
  readonly port: number;
  /** Each shard's messages, by `T1:P1`. */
  readonly shards: ReadonlyMap<string, readonly string[]>;
  /** Requests so far, `POST /producer/produce`. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

export interface StandInOptions {
  readonly port?: number;
  /** True: what was asked is done, and the connection ends without an answer. Asked for each request, by its number. */
  readonly losesAnswer?: (request: number, path: string) => boolean;
  /** True: answered, and not kept. */
  readonly drops?: (message: string) => boolean;
  /** True: refused with 400, nothing is done. */
  readonly refuses?: (request: number, path: string) => boolean;
}

interface Registration {
  readonly topic: string;
  readonly shard: string | null;
  turn: number;
  readonly answers: string[];
  readonly places: Map<string, number>;
  readonly had: { readonly topic: string; readonly message: string }[];
}

class Refusal extends Error {}

export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { losesAnswer = () => false, refuses = () => false, drops = () => false } = options;
  const shards = new Map<string, string[]>();
  const producers: Registration[] = [];
  const consumers: Registration[] = [];
  const seen: string[] = [];

  const shardsOf = (topic: string): string[] =>
    [...shards.keys()].filter((name) => name.startsWith(`${topic}:`));
  const shardsFor = (one: Registration): string[] =>
    one.shard === null ? shardsOf(one.topic) : [`${one.topic}:${one.shard}`];

  function register(list: Registration[], { topic, part }: Record<string, string>): number {
    const one: Registration = {
      topic: String(topic),
      shard: part ?? null,
      turn: 0,
      answers: [],
      places: new Map(),
      had: [],
    };
    for (const name of shardsFor(one)) one.places.set(name, shards.get(name)?.length ?? 0);
    return list.push(one) - 1;
  }

  function produce(body: Record<string, unknown>): string {
    const producer = producers[Number(body.producer_id)];
    if (producer === undefined) throw new Refusal(`unknown producer ${body.producer_id}`);
    const sequence = Number(body.sequence ?? producer.answers.length);
    const before = producer.answers[sequence];
    if (before !== undefined) return before;
    const names = shardsFor(producer);
    const name = names[producer.turn++ % names.length] as string;
    if (!drops(String(body.message))) shards.get(name)?.push(String(body.message));
    const answer = `${name.replace(":", "x")}:Success`;
    producer.answers[sequence] = answer;
    return answer;
  }

  function consume(id: string, after: number | null): { topic: string; message: string } {
    const consumer = consumers[Number(id)];
    if (consumer === undefined) throw new Refusal(`unknown consumer ${id}`);
    const before = after === null ? undefined : consumer.had[after];
    if (before !== undefined) return before;
    const names = shardsFor(consumer);
    for (let i = 0; i < names.length; i++) {
      const topic = names[consumer.turn++ % names.length] as string;
      const place = consumer.places.get(topic) ?? 0;
      const message = shards.get(topic)?.[place];
      if (message === undefined) continue;
      consumer.places.set(topic, place + 1);
      consumer.had.push({ topic, message });
      return { topic, message };
    }
    throw new Refusal(`Empty logs for Comsumer:${id} for Topic:${consumer.topic}x${consumer.shard ?? "*"}`);
  }

  function answerTo(
    route: string,
    query: URLSearchParams,
    body: Record<string, string>,
  ): Record<string, unknown> {
    const { topic, part } = body;
    switch (route) {
      case "GET /topics": {
        const topics: Record<string, Record<string, string>> = {};
        for (const name of shards.keys()) {
          const [of = "", shard = ""] = name.split(":");
          topics[of] = { ...topics[of], [shard]: "broker0" };
        }
        return { message: topics };
      }
      case "POST /topics/add":
        if (shards.has(`${topic}:${part}`)) throw new Refusal(`${topic}:${part} already exist`);
        shards.set(`${topic}:${part}`, []);
        return { message: `Topic:${topic}x${part} created successfully` };
      case "POST /producer/register":
        if (part === undefined && shardsOf(String(topic)).length === 0) {
          throw new Refusal(`${topic} does not exist thus no partitions are available`);
        }
        if (part !== undefined && !shards.has(`${topic}:${part}`)) shards.set(`${topic}:${part}`, []);
        return { message: register(producers, body) };
      case "POST /consumer/register":
        if (part === undefined ? shardsOf(String(topic)).length === 0 : !shards.has(`${topic}:${part}`)) {
          const what = part === undefined ? topic : `${topic}:${part}`;
          throw new Refusal(`${what} does not exist, thus can not register as consumer`);
        }
        return { message: register(consumers, body) };
      case "POST /producer/produce":
        return { message: produce(body) };
      case "GET /consumer/consume":
        return consume(
          String(query.get("consumer_id")),
          query.has("after") ? Number(query.get("after")) : null,
        );
      default:
        throw new Refusal(`no such path: ${route}`);
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const number = seen.length;
    const url = new URL(String(request.url), "http://stand.in");
    const route = `${request.method} ${url.pathname}`;
    seen.push(route);
    const text = await textOf(request);
    let status = 200;
    let reply: Record<string, unknown>;
    try {
      if (refuses(number, url.pathname)) throw new Refusal("try again later");
      const answer = answerTo(route, url.searchParams, text === "" ? {} : JSON.parse(text));
      reply = { ...answer, status: "success" };
    } catch (error) {
      status = 400;
      reply = { message: (error as Error).message, status: "failure" };
    }
    if (losesAnswer(number, url.pathname)) response.destroy();
    else response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(reply));
  }

  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    shards,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of request) text += part;
  return text;
}
