// Node's own HTTP server as a second opinion on the same bytes: how many requests it takes as complete, and whether
// it refuses the rest. It is no judge: where it differs from a vector, differences.ts says why.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { connectClient } from "./client.ts";
import { holds } from "./until.ts";
import type { Expectation, RequestVector, SeenRequest } from "./vectors/vector.ts";

export interface SecondOpinion {
  /** Sends the vector to a server of its own and tells what it made of it. */
  of(vector: RequestVector): Promise<Opinion>;
  close(): Promise<void>;
}

export interface Opinion {
  /** Complete requests: method, target and body. */
  readonly taken: readonly { readonly method: string; readonly target: string; readonly body: string }[];
  readonly refused: boolean;
}

export async function startSecondOpinion(): Promise<SecondOpinion> {
  let taken: { method: string; target: string; body: string }[] = [];
  const server = createServer({ insecureHTTPParser: false, keepAliveTimeout: 1_000 }, (request, response) => {
    let body = "";
    request.setEncoding("latin1");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      taken.push({ method: request.method ?? "", target: request.url ?? "", body });
      response.end("ok");
    });
    request.on("error", () => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    async of(vector) {
      taken = [];
      const refused = await exchange(server, port, vector);
      return { taken, refused };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends the bytes and our end, and waits for the server's end: true when its last word was a refusal. */
async function exchange(server: Server, port: number, { send }: RequestVector): Promise<boolean> {
  const client = await connectClient(port);
  client.send(send);
  // In one process a few turns are enough for its answer; after our end it might leave it unsaid.
  for (let turns = 0; turns < 10; turns++) await turn();
  client.finish();
  if (!(await holds(client.ended, 2_000))) throw new Error("node:http did not close a finished connection");
  const refused = /HTTP\/1\.1 [45]\d\d /.test(client.received()) || client.reset();
  client.destroy();
  server.closeIdleConnections();
  return refused;
}

/** Words for an opinion, as the table of differences has them. */
export function inWords({ taken, refused }: Opinion): string {
  const takes = taken.length === 0 ? [] : [`takes ${taken.length}`];
  return [...takes, ...(refused ? ["refuses"] : [])].join(", ") || "closes";
}

/** Whether the opinion is what the vector expects of the front door. */
export function agrees(expect: Expectation, opinion: Opinion): boolean {
  switch (expect.kind) {
    case "oneOf":
      return expect.choices.some((choice) => agrees(choice, opinion));
    case "forwarded":
      return takes(expect.requests, opinion) && !opinion.refused;
    case "refused":
      return takes(expect.after, opinion) && opinion.refused;
    case "cut":
      return takes(expect.after, opinion);
    case "closed":
      return opinion.taken.length === 0;
    case "answered":
      return false;
  }
}

function takes(requests: readonly SeenRequest[], { taken }: Opinion): boolean {
  const wanted = requests.map(({ line, body }) => `${line.replace(/ HTTP.*/, "")} ${body}`);
  return (
    JSON.stringify(wanted) ===
    JSON.stringify(taken.map(({ method, target, body }) => `${method} ${target} ${body}`))
  );
}
