// The queue as the course project's tools speak it: fixed paths, replies of one form, every failure 400. Requests that
// name a registration are served by the owner of its home tablet, and handed on to it by whoever gets them.
import type { Tablet } from "../../tablet.ts";
import { HANDED_ON, notOwner, refusalIn } from "../internal-protocol.ts";
import { problemAnswer, problemOf } from "../problem.ts";
import type { Answer, WireRequest } from "../service.ts";
import { addBroker, brokersByName, removeBroker, testBroker, topicsWithOwners } from "./brokers.ts";
import { consumeOne, sizeFor } from "./consuming.ts";
import type { CourseHost } from "./course-host.ts";
import { bodyFields, nameIn, numberIn, optionalNumberIn, partIn, queryFields } from "./fields.ts";
import { produceOne } from "./producing.ts";
import { addTopic, registerConsumer, registerProducer } from "./registering.ts";
import { homeOf } from "./registrations.ts";
import { CourseFailure, failure, failureOf, hasCode, success } from "./reply.ts";

export interface CourseApi {
  serve(request: WireRequest): Promise<Answer>;
  /** To a request that was malformed, too large or too slow. */
  refuse(detail: string): Answer;
}

/** How long a request waits for a tablet that changes hands, instead of failing. */
const OWNER_WAIT_MS = 10_000;
const HANDED_ON_MS = 30_000;

type Served = (host: CourseHost, request: WireRequest) => Promise<Answer>;

const served: Readonly<Record<string, Served>> = {
  "GET /topics": async (host) => {
    const body = `{"message":${await topicsWithOwners(host)},"status":"success"}`;
    return { status: 200, type: "application/json", body };
  },
  "POST /topics/add": async (host, { body }) => {
    const fields = bodyFields(body);
    return success(await addTopic(host, nameIn(fields, "topic"), nameIn(fields, "part")));
  },
  "POST /producer/register": async (host, { body }) => {
    const fields = bodyFields(body);
    return success(await registerProducer(host, nameIn(fields, "topic"), partIn(fields)));
  },
  "POST /consumer/register": async (host, { body }) => {
    const fields = bodyFields(body);
    return success(await registerConsumer(host, nameIn(fields, "topic"), partIn(fields)));
  },
  "POST /producer/produce": async (host, request) => {
    const fields = bodyFields(request.body);
    const id = numberIn(fields, "producer_id");
    const sequence = optionalNumberIn(fields, "sequence");
    return atHome(host, request, id, sequence !== undefined, async (home) =>
      success(await produceOne(host, home, id, fields.message, sequence)),
    );
  },
  "GET /consumer/consume": async (host, request) => {
    const fields = queryFields(request.query);
    const id = numberIn(fields, "consumer_id");
    const after = optionalNumberIn(fields, "after");
    return atHome(host, request, id, after !== undefined, async (home) => {
      const { message, topic } = await consumeOne(host, home, id, after);
      return success(message, { topic });
    });
  },
  "GET /size": async (host, request) => {
    const id = numberIn(queryFields(request.query), "consumer_id");
    return atHome(host, request, id, true, async (home) => success(await sizeFor(host, home, id)));
  },
  "GET /brokers": async (host) => success(brokersByName(host)),
  "GET /brokers/add": async (host, { query }) => success(await addBroker(host, brokerName(query))),
  "GET /brokers/rm": async (host, { query }) => success(await removeBroker(host, brokerName(query))),
  "GET /brokers/test": async (host, { query }) => success(await testBroker(host, brokerName(query))),
};

const brokerName = (query: string): string => nameIn(queryFields(query), "broker_name");

export function createCourseApi(host: CourseHost): CourseApi {
  const { log } = host.node;

  async function serve(request: WireRequest): Promise<Answer> {
    const { method, path } = request;
    try {
      const run = served[`${method} ${path}`];
      if (run !== undefined) return await run(host, request);
      throw new CourseFailure(`Cannot ${method} ${path.slice(0, 200)}: no such path`);
    } catch (error) {
      // For another broker, which knows what to do with it.
      if (hasCode(error, "NOT_OWNER")) return problemAnswer(problemOf(error));
      const answer = failureOf(error);
      if (!(error instanceof CourseFailure) && problemOf(error).code === "INTERNAL")
        log.error({ err: error, method, path }, "a request failed");
      return answer;
    }
  }

  return { serve, refuse: (detail) => failure(`Cannot take this request: ${detail}`) };
}

/** Runs the work where the registration lives. `repeatable`: doing it twice is as good as once. */
function atHome(
  { node, owners, peers }: CourseHost,
  request: WireRequest,
  id: number,
  repeatable: boolean,
  work: (home: Tablet) => Promise<Answer>,
): Promise<Answer> {
  const { tablets } = node.map();
  const tablet = homeOf(id, tablets.length);
  if (request.header(HANDED_ON) !== undefined) {
    const home = node.tablet(tablet);
    if (home === null) throw notOwner(tablet, tablets[tablet]?.epoch ?? 0);
    return work(home);
  }
  return owners.run({
    tablet,
    waitMs: OWNER_WAIT_MS,
    repeatable,
    here: work,
    async there(owner) {
      const { method, path, query, body } = request;
      const answer = await peers.ask(owner, {
        method,
        target: query === "" ? path : `${path}?${query}`,
        fields: `${HANDED_ON}: ${node.name}\r\n`,
        deadlineMs: HANDED_ON_MS,
        ...(method === "POST" ? { body } : {}),
      });
      if (answer.status === 421) throw refusalIn(answer);
      return { status: answer.status, type: "application/json", body: answer.body };
    },
  });
}
