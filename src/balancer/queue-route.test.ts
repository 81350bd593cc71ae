// Requests of the queue through a real data plane, before brokers that are a few lines of sockets.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, describe, it } from "node:test";
import { type Answer, call } from "../../test/balancer/client.ts";
import { createProxy } from "../proxy/proxy.ts";
import type { Routing } from "../proxy/routing.ts";
import type { MappedBroker, QueueMap } from "../queue/map.ts";
import type { AuthorizationPolicy } from "./authorization.ts";
import type { QueuePort } from "./queue-paths.ts";
import { frontPortRouting, queueRouting } from "./queue-route.ts";
import { createQueueUpstreams, type QueueUpstreams } from "./queue-upstreams.ts";

const open: Server[] = [];
after(() => {
  for (const server of open) server.close();
});

async function listen(server: Server): Promise<{ host: string; port: number }> {
  open.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

/** A broker that notes the request lines; it answers with its name, or, without one, resets the connection. */
async function broker(name: string | null) {
  const seen: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      seen.push(String(chunk).split("\r\n", 1)[0] ?? "");
      if (name === null) socket.resetAndDestroy();
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`);
    });
  });
  return { seen, address: await listen(server) };
}

const mapOf = (version: number, brokers: readonly MappedBroker[], owner: string | null = null): QueueMap => ({
  version,
  brokers,
  tablets: [{ owner, epoch: 1 }],
  topics: [
    {
      name: "t",
      shards: [{ name: "P1", shard: 0, seat: 1, tablet: 0 }],
      retention: {},
      createdAtMs: 0,
    },
  ],
});

const nobodyElse: AuthorizationPolicy = { allow: null, token: undefined, names: [] };

async function portOf(
  upstreams: QueueUpstreams,
  port: QueuePort,
  limits: { readonly requestBytesMax?: number } = {},
): Promise<number> {
  const routing = queueRouting(port, upstreams, nobodyElse);
  const observer = {
    upstreamFailed() {},
    upstreamSilent() {},
    upstreamAsked() {},
    upstreamAnswered() {},
  };
  const proxy = createProxy({ routing: () => routing, observer, limits });
  return (await listen(createServer({ allowHalfOpen: true }, proxy.accept))).port;
}

/** As problem details of this code, and nothing else. */
function assertProblem(answer: Answer, status: number, code: string): void {
  assert.equal(answer.headers["content-type"], "application/problem+json");
  const problem = JSON.parse(answer.body) as { status: number; code: string; detail: string };
  assert.deepEqual([answer.status, problem.status, problem.code], [status, status, code]);
  assert.ok(problem.detail.length > 0);
}

describe("a request of the queue", () => {
  it("is sent once where it has effects, and to another broker where it has none", async () => {
    const [broken, desk] = [await broker(null), await broker("desk")];
    const upstreams = createQueueUpstreams(desk.address);
    const port = await portOf(upstreams, "queue");
    upstreams.apply(mapOf(1, [{ name: "b", ...broken.address, phase: "live" }]));
    for (const path of ["/consumer/consume?consumer_id=1", "/brokers/rm?broker_name=b"]) {
      const { status, body } = await call(port, path);
      assert.equal(status, 400);
      assert.match(body, /"status":"failure"/);
      assert.equal(broken.seen.splice(0).length, 1, path);
    }
    const produced = await call(port, "/producer/produce", { method: "POST", body: "{}" });
    assert.equal(produced.status, 400);
    assert.equal(broken.seen.splice(0).length, 1);
    assert.deepEqual(desk.seen, []);
    assert.equal((await call(port, "/size?consumer_id=1")).body, "desk");
    assertProblem(await call(port, "/v1/topics", { method: "POST", body: "{}" }), 502, "UNREACHABLE");
    upstreams.close();
  });

  it("goes to the owner of the shard that it names, to any live broker, or to the desk", async () => {
    const [one, two, desk] = [await broker("one"), await broker("two"), await broker("desk")];
    const upstreams = createQueueUpstreams(desk.address);
    const port = await portOf(upstreams, "queue");
    const to = async (path: string) => (await call(port, path)).body;
    assert.equal(await to("/topics"), "desk");
    const brokers = (phase: MappedBroker["phase"]): MappedBroker[] => [
      { name: "one", ...one.address, phase: "live" },
      { name: "two", ...two.address, phase },
    ];
    upstreams.apply(mapOf(1, brokers("live"), "two"));
    for (let n = 0; n < 4; n++) assert.equal(await to("/v1/topics/t/shards/P1/records"), "two");
    assert.deepEqual(new Set([await to("/topics"), await to("/topics")]), new Set(["one", "two"]));
    upstreams.apply(mapOf(2, brokers("leaving"), "two"));
    for (const path of ["/topics", "/topics", "/v1/topics/t/shards/P1/records"]) {
      assert.equal(await to(path), "one");
    }
    upstreams.apply(mapOf(3, [{ name: "one", host: "127.0.0.1", port: 0, phase: "starting" }]));
    assert.equal(await to("/topics"), "desk");
    upstreams.close();
  });

  it("that is not served on a port is refused there, as its clients know it", async () => {
    const desk = await broker("desk");
    const upstreams = createQueueUpstreams(desk.address);
    assert.equal((await call(await portOf(upstreams, "read"), "/producer/produce")).status, 400);
    assertProblem(await call(await portOf(upstreams, "queue"), "/internal/append"), 404, "NOT_FOUND");
    const forwarded = { headers: { "x-forwarded-for": "192.0.2.1" } };
    const native = await portOf(upstreams, "queue");
    assertProblem(await call(native, "/v1/topics", forwarded), 403, "FORBIDDEN");
    assert.equal((await call(native, "/topics", forwarded)).status, 400);
    assert.deepEqual(desk.seen, []);
    upstreams.close();
  });

  it("that is too large for the front door is told so as its clients know it", async () => {
    const desk = await broker("desk");
    const upstreams = createQueueUpstreams(desk.address);
    const port = await portOf(upstreams, "queue", { requestBytesMax: 1000 });
    const large = { method: "POST", body: "x".repeat(2000) };
    assertProblem(await call(port, "/v1/topics/t/records", large), 413, "TOO_LARGE");
    const course = await call(port, "/producer/produce", large);
    assert.deepEqual([course.status, course.headers["content-type"]], [400, "application/json"]);
    assert.deepEqual(desk.seen, []);
    upstreams.close();
  });

  it("that fails on the front port keeps the form of whose path it is", async () => {
    const own = { body: "{}", retryAfterS: 1 };
    const replicas: Routing = { pick: () => null, unavailable: () => own };
    const upstreams = createQueueUpstreams({ host: "127.0.0.1", port: 1 });
    const form = (nativeOnFront: boolean, target: string) =>
      frontPortRouting(replicas, upstreams, { nativeOnFront }, nobodyElse).failure?.(target, 504, "late");
    assert.equal(form(true, "/v1/topics")?.type, "application/problem+json");
    assert.equal(form(false, "/v1/topics"), undefined, "it is a path of the replicas");
    assert.equal(form(false, "/topics")?.status, 400);
    assert.equal(form(true, "/home"), undefined);
    upstreams.close();
  });
});
