// Before a peer is measured: does it give the right answers? Asked with node:http, one request at a time.
import { request } from "node:http";
import type { TrafficCase } from "./cases.ts";
import type { RunningPeer } from "./peers/peer.ts";

interface Answer {
  readonly status: number;
  readonly bodyBytes: number;
}

function ask(port: number, one: TrafficCase, uri: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = one.bodyBytes > 0 ? "POST" : "GET";
    const sent = request(
      { host: "127.0.0.1", port, method, path: `/${one.folder}/item-${uri}`, agent: false, timeout: 10_000 },
      (answer) => {
        let bodyBytes = 0;
        answer.on("data", (chunk: Buffer) => {
          bodyBytes += chunk.length;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, bodyBytes }));
        answer.on("error", reject);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer within 10 s")));
    sent.on("error", reject);
    sent.end(one.bodyBytes > 0 ? "b".repeat(one.bodyBytes) : undefined);
  });
}

/** Throws unless twenty different URIs are answered with 200 and the right length. */
export async function checkAnswers(peer: RunningPeer, one: TrafficCase): Promise<void> {
  for (let uri = 1; uri <= 20; uri++) {
    const { status, bodyBytes } = await ask(peer.port, one, uri).catch((error: Error) => {
      throw new Error(`${peer.name} failed the check before "${one.title}" at item ${uri}: ${error.message}`);
    });
    if (status !== 200 || bodyBytes !== one.answerBytes) {
      throw new Error(
        `${peer.name} failed the check before "${one.title}" at item ${uri}: ` +
          `got ${status} with ${bodyBytes} bytes, expected 200 with ${one.answerBytes}.`,
      );
    }
  }
}
