// A broker that is alone, with its HTTP listener, in this process: what the tests of the HTTP interfaces talk to.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocalNode } from "../../../src/queue/broker/local-node.ts";
import { listenOnWire } from "../../../src/queue/wire/listener.ts";
import { createQueueService } from "../../../src/queue/wire/queue-service.ts";
import type { WireLimits, WireService } from "../../../src/queue/wire/service.ts";
import { createLog } from "../../../src/telemetry/log.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly json: any;
}

export interface Served {
  readonly port: number;
  /** Requests that have come and are not answered, long polls for the most part. */
  readonly underWay: number;
  readonly dataDir: string;
  ask(method: string, target: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Ends the broker; `keep`: its data stays for the next one. */
  close(keep?: boolean): Promise<void>;
}

export interface ServedOptions {
  readonly dataDir?: string;
  readonly messageBytesMax?: number;
  readonly limits?: Partial<WireLimits>;
}

export async function serveQueue(options: ServedOptions = {}): Promise<Served> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "queue-http-"));
  const { messageBytesMax } = options;
  const node = await openLocalNode({
    dataDir,
    tablets: 4,
    log: createLog({ level: "error", destination: 2 }),
    ...(messageBytesMax === undefined ? {} : { messageBytesMax }),
  });
  const service = createQueueService(node);
  let underWay = 0;
  const counted: WireService = {
    async serve(request) {
      underWay += 1;
      try {
        return await service.serve(request);
      } finally {
        underWay -= 1;
      }
    },
    refuse: service.refuse,
  };
  const listener = await listenOnWire(
    counted,
    options.limits === undefined ? {} : { limits: options.limits },
  );
  node.listensAt(listener.host, listener.port);
  const { port } = listener;

  async function ask(method: string, target: string, body?: unknown, headers: Record<string, string> = {}) {
    const isJson = body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array);
    const sent = isJson ? JSON.stringify(body) : (body as string | Uint8Array | undefined);
    const type = isJson ? { "content-type": "application/json" } : {};
    const answer = await fetch(`http://127.0.0.1:${port}${target}`, {
      method,
      headers: { ...type, ...headers },
      ...(sent === undefined ? {} : { body: sent }),
    });
    const text = await answer.text();
    const kind = answer.headers.get("content-type") ?? "";
    const json = text !== "" && /json/.test(kind) && !/ndjson/.test(kind) ? JSON.parse(text) : null;
    return { status: answer.status, headers: answer.headers, text, json };
  }

  return {
    port,
    get underWay() {
      return underWay;
    },
    dataDir,
    ask,
    async close(keep = false) {
      const closed = listener.close(0);
      service.close();
      await closed;
      await node.close();
      if (!keep) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
