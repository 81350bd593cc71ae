// The other side of shards.ts: what a broker does for another one with the tablets that it owns. See
// internal-protocol.ts for the paths.
import { RoundhouseError } from "../../errors.ts";
import type { BrokerNode } from "../broker/node.ts";
import type { Tablet } from "../tablet.ts";
import {
  APPEND_TARGET,
  type AppendOutcome,
  appendsIn,
  CALL_TARGET,
  fetchedAnswer,
  notOwner,
  numberIn,
  READ_PATH,
  textIn,
} from "./internal-protocol.ts";
import { problemOf, WireProblem } from "./problem.ts";
import type { Answer, WireRequest } from "./service.ts";
import { readWaiting } from "./shard-read.ts";
import { runCall, type TabletCall } from "./tablet-call.ts";

/** Rejects with WireProblem, or with what the tablet rejects with. */
export async function serveInternal(node: BrokerNode, request: WireRequest): Promise<Answer> {
  const { method, path } = request;
  if (method === "POST" && path === APPEND_TARGET) return append(node, request);
  if (method === "GET" && path === READ_PATH) return read(node, request);
  if (method === "POST" && path === CALL_TARGET) return call(node, request);
  throw new WireProblem(404, "NOT_FOUND", `Cannot find ${method} ${path}`);
}

/** Each append stands for itself; all are handed to their tablets at once, so that they share a commit. */
async function append(node: BrokerNode, { body }: WireRequest): Promise<Answer> {
  // All are read before any is begun: a malformed one refuses them together.
  const appending = [...appendsIn(body)].map(({ tablet: number, append: one }) =>
    owned(node, number, (tablet) => tablet.append(one)),
  );
  const outcomes = (await Promise.allSettled(appending)).map((outcome): AppendOutcome => {
    if (outcome.status === "fulfilled") return { appended: outcome.value };
    const { status, code, message: detail, members } = problemOf(outcome.reason);
    return { problem: { status, code, detail, ...members } };
  });
  return json(outcomes);
}

async function read(node: BrokerNode, request: WireRequest): Promise<Answer> {
  const { query } = request;
  const shard = needed(query, "shard");
  const waitMs = needed(query, "waitMs");
  const how = {
    offset: textIn(query, "consumer") ?? needed(query, "offset"),
    bytesMax: needed(query, "bytesMax"),
    messagesMax: numberIn(query, "messagesMax"),
    skipDamaged: needed(query, "skipDamaged") === 1,
    waitMs,
    ...(waitMs > 0 ? { signal: () => request.signal() } : {}),
  };
  return fetchedAnswer(
    await owned(node, needed(query, "tablet"), (tablet) => readWaiting(node, tablet, shard, how)),
  );
}

async function call(node: BrokerNode, { body }: WireRequest): Promise<Answer> {
  const { tablet: number, call: asked } = JSON.parse(body.toString()) as { tablet: number; call: TabletCall };
  return json(await owned(node, number, (tablet) => runCall(tablet, asked)));
}

function needed(query: string, name: string): number {
  const number = numberIn(query, name);
  if (number !== undefined && Number.isSafeInteger(number)) return number;
  throw new WireProblem(400, "BAD_REQUEST", `Cannot serve this: ${name} is not a whole number`);
}

/** Refuses with NOT_OWNER what is not served here, also when the tablet leaves before it has begun. */
async function owned<T>(node: BrokerNode, number: number, work: (tablet: Tablet) => Promise<T>): Promise<T> {
  const epoch = node.map().tablets[number]?.epoch ?? 0;
  const tablet = node.tablet(number);
  if (tablet === null) throw notOwner(number, epoch);
  try {
    return await work(tablet);
  } catch (error) {
    const left =
      error instanceof RoundhouseError && (error.code === "FENCED" || error.code === "SHUTTING_DOWN");
    throw left ? notOwner(number, epoch) : error;
  }
}

const json = (value: unknown): Answer => ({
  status: 200,
  type: "application/json",
  body: JSON.stringify(value),
});
