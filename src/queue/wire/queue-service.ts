// What a broker's listener serves: the native API under /v1, what other brokers ask under /internal, and everything else
// as the course's contract has it.
import type { ConsumerLag } from "../broker/figures.ts";
import type { BrokerNode } from "../broker/node.ts";
import { type CourseApi, createCourseApi } from "./course/course-api.ts";
import { registeredLags } from "./course/registered-lags.ts";
import { serveInternal } from "./internal-api.ts";
import { INTERNAL_PREFIX } from "./internal-protocol.ts";
import { NATIVE_PREFIX, serveNative } from "./native/native-api.ts";
import { createOwners } from "./owners.ts";
import { createPeerClient } from "./peer-client.ts";
import { type ProblemCode, problemAnswer, problemOf, WireProblem } from "./problem.ts";
import type { Answer, WireRequest, WireService } from "./service.ts";
import { createShards } from "./shards.ts";

/** Where the control plane looks whether this process answers. */
const HEARTBEAT_PATH = "/heartbeat";
const alive: Answer = { status: 200, type: "application/json", body: '{"status":"success"}' };

const PAGES_REFUSED = "web pages are served by the front door, not by a broker itself";
const codes: Readonly<Record<number, ProblemCode>> = { 403: "FORBIDDEN", 413: "TOO_LARGE", 503: "FULL" };

export interface QueueService extends WireService {
  /** Requests that wait for a tablet's owner now. */
  parked(): number;
  /** Of the registered consumers whose registrations are kept here. */
  registeredLags(): Promise<readonly ConsumerLag[]>;
  /** Lets go of the connections to other brokers. */
  close(): void;
}

export function createQueueService(node: BrokerNode): QueueService {
  const peers = createPeerClient();
  const owners = createOwners(node);
  const shards = createShards(node, owners, peers);
  const native = { node, shards };
  const courseHost = { node, shards, owners, peers };
  const course: CourseApi = createCourseApi(courseHost);

  return {
    serve(request) {
      if (isFromPage(request)) return this.refuse(request.path, 403, PAGES_REFUSED);
      if (request.path.startsWith(NATIVE_PREFIX)) return serveNative(native, request);
      if (request.path.startsWith(INTERNAL_PREFIX)) return internal(node, request);
      if (request.path === HEARTBEAT_PATH) return alive;
      return course.serve(request);
    },
    refuse(target, status, detail) {
      if (target !== "" && !target.startsWith(NATIVE_PREFIX)) return course.refuse(detail);
      const code = codes[status] ?? "MALFORMED_HTTP";
      return problemAnswer(new WireProblem(status, code, `Cannot take this request: ${detail}`));
    },
    parked: owners.parked,
    registeredLags: () => registeredLags(courseHost),
    close: peers.close,
  };
}

/**
 * A web page's request that came straight here, past the front door, which checks Host and Origin: any page that the
 * user visits could send it to this machine. Browsers say so, and pages cannot forge these fields.
 */
function isFromPage(request: WireRequest): boolean {
  const site = request.header("sec-fetch-site");
  const isForeign = site !== undefined && site !== "none" && site !== "same-origin";
  if (!isForeign && request.header("origin") === undefined) return false;
  return request.header("x-forwarded-for") === undefined;
}

async function internal(node: BrokerNode, request: WireRequest): Promise<Answer> {
  try {
    return await serveInternal(node, request);
  } catch (error) {
    const problem = problemOf(error);
    if (problem.code === "INTERNAL")
      node.log.error({ err: error, path: request.path }, "another broker's request failed");
    return problemAnswer(problem);
  }
}
