// The native API of a broker of one's own, for the tests beside it: topics with fresh names, and what a problem must say.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { type Reply, type Served, serveQueue } from "./served.ts";

export interface NativeQueue extends Pick<Served, "ask"> {
  port(): number;
  /** Gives its name. */
  newTopic(shards?: number | readonly string[]): Promise<string>;
  /** Where a shard ends. */
  end(topic: string, shard?: string): Promise<number>;
}

/** Served from the first test of the file to the last; a message may have 1000 bytes. */
export function nativeQueue(): NativeQueue {
  let served: Served;
  before(async () => {
    served = await serveQueue({ messageBytesMax: 1000 });
  });
  after(() => served.close());
  const ask: Served["ask"] = (...request) => served.ask(...request);
  let topics = 0;
  return {
    ask,
    port: () => served.port,
    async newTopic(shards = 1) {
      const name = `t${++topics}`;
      const { status, text } = await ask("POST", "/v1/topics", { name, shards });
      assert.equal(status, 201, text);
      return name;
    },
    end: async (topic, shard = "P1") =>
      (await ask("GET", `/v1/topics/${topic}/shards/${shard}/records`)).json.end,
  };
}

export const json = { "content-type": "application/json" };

export function expectProblem(reply: Reply, status: number, code: string, detail: RegExp): void {
  assert.deepEqual([reply.status, reply.json?.status, reply.json?.code], [status, status, code], reply.text);
  assert.equal(reply.headers.get("content-type"), "application/problem+json");
  assert.match(reply.json.detail, detail);
}
