// The dashboard on the admin listener: its page at `/`, the readings that keep it live at `/api/v1/events`, and what it
// asks that nobody else does. The page itself is src/dashboard; what it shows comes from the admin API like everybody's.
import type { IncomingMessage } from "node:http";
import { RoundhouseError } from "../../errors.ts";
import type { AdminRoute, TakesRequest } from "../../telemetry/admin.ts";
import { sendFailure, sendJson } from "../../telemetry/own-answers.ts";
import { type AdminApiParts, readRefusal, statusReport } from "../admin-api.ts";
import { pageRefusal } from "../authorization.ts";
import type { QueueHouse } from "../queue-house.ts";
import { type QueueReport, queueReport } from "../queue-report.ts";
import { type HotKeysReport, hotKeysReport, type PolicyReport, policyReport } from "../steering-api.ts";
import { createEventHub, type EventSource } from "./event-hub.ts";
import { fleetSource } from "./fleet-source.ts";
import { createPageFiles } from "./page-files.ts";
import { createQueuePass } from "./queue-pass.ts";
import { trafficSource } from "./traffic-source.ts";

export interface Dashboard {
  readonly routes: Readonly<Record<string, AdminRoute>>;
  readonly takes: TakesRequest;
  close(): void;
}

/** `GET /api/v1/session`: what the caller may do. Always answered, since the page asks before anybody has logged in. */
export interface SessionReport {
  /** There is a token to log in with. */
  readonly tokenSet: boolean;
  /** Why the caller may not read, or may not change anything; null: it may. */
  readonly readRefusal: string | null;
  readonly changeRefusal: string | null;
}

/** @param queue null: there is none */
export function createDashboard(parts: AdminApiParts, queue: QueueSeen | null): Dashboard {
  const files = createPageFiles(new URL("../../dashboard/", import.meta.url));
  const { history, chronicle } = parts.records;
  const events = createEventHub([
    fleetSource(() => statusReport(parts)),
    steeringSource(parts),
    trafficSource(
      () => history.latest,
      () => chronicle.departed,
    ),
    queueSource(queue),
  ]);
  const changeRefusal = (request: IncomingMessage) =>
    readRefusal(request, parts.policy) ??
    (request.method === "GET" ? null : pageRefusal(request.headers, parts.policy));
  const queuePass = queue === null ? null : createQueuePass({ queue, refuse: changeRefusal });
  return {
    routes: {
      "GET /api/v1/queue": {
        refuse: (request) => readRefusal(request, parts.policy),
        answer: () => queueReport(queue ?? noQueue()),
      },
    },
    takes: async (target, request, response) => {
      if (target === "GET /api/v1/session") {
        sendJson(request, response, 200, JSON.stringify(session(request, parts)));
        return true;
      }
      if (target === "GET /api/v1/events") {
        const reason = readRefusal(request, parts.policy);
        if (reason === null) events.listen(request, response);
        else sendFailure(request, response, 403, reason);
        return true;
      }
      if (await queuePass?.(target, request, response)) return true;
      return target.startsWith("GET ") && files(target.slice("GET ".length), request, response);
    },
    close: events.close,
  };
}

/** `event: steering`. */
export interface SteeringReading {
  readonly policy: PolicyReport;
  /** Null: keys do not recur. */
  readonly hotKeys: HotKeysReport | null;
}

const hotKeysShown = 10;

function steeringSource(parts: AdminApiParts): EventSource<SteeringReading> {
  return {
    name: "steering",
    everyMs: 2_000,
    read: () => ({ policy: policyReport(parts), hotKeys: hotKeysReport(parts, hotKeysShown) }),
  };
}

type QueueSeen = Pick<QueueHouse, "map" | "figures" | "desk">;

/** `event: queue`. */
export interface QueueReading {
  /** Null: there is no queue. */
  readonly queue: QueueReport | null;
}

function queueSource(queue: QueueSeen | null): EventSource<QueueReading> {
  const read = () => ({ queue: queue === null ? null : queueReport(queue) });
  return { name: "queue", everyMs: 1_000, read };
}

function noQueue(): never {
  throw new RoundhouseError("NOT_FOUND", "There is no queue here: start with --queue", {
    source: "downstream",
  });
}

function session(request: IncomingMessage, { policy }: AdminApiParts): SessionReport {
  const reason = readRefusal(request, policy);
  return {
    tokenSet: policy.token !== undefined,
    readRefusal: reason,
    changeRefusal: reason ?? pageRefusal(request.headers, policy),
  };
}
