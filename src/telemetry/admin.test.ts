import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { request } from "node:http";
import { connect, createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { RoundhouseError } from "../errors.ts";
import { type Admin, createAdmin } from "./admin.ts";

let ready = false;
let admin: Admin;
const metrics = { contentType: "text/plain; version=0.0.4", text: async () => "a_metric 1\n" };

before(async () => {
  admin = await createAdmin({
    port: 0,
    metrics,
    ready: () => ready,
    routes: {
      "GET /throws": {
        refuse: () => null,
        answer: () => {
          throw new RoundhouseError("BAD_REQUEST", "in words");
        },
      },
      "POST /echo": {
        refuse: ({ headers }) => (headers.authorization === undefined ? "not you" : null),
        answer: (query, body) => ({ query: query.get("q"), body }),
      },
    },
  });
});
after(() => admin.close());

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type: string;
  readonly allow: string;
}

function sendRaw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(admin.port, admin.host, () => socket.write(text));
    socket.once("data", (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

function get(path: string, host = "localhost"): Promise<Answer> {
  return call("GET", path, { host });
}

function call(method: string, path: string, headers: Record<string, string>, sent?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: admin.host, port: admin.port, method, path, headers };
    const outgoing = request(options, (incoming) => {
      let body = "";
      incoming.on("data", (chunk) => {
        body += chunk;
      });
      const type = incoming.headers["content-type"] ?? "";
      const allow = incoming.headers.allow ?? "";
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body, type, allow }));
    });
    outgoing.on("error", reject);
    outgoing.end(sent);
  });
}

test("health, readiness and metrics", async () => {
  assert.equal((await get("/healthz")).status, 200);
  assert.equal((await get("/readyz")).status, 503);
  ready = true;
  assert.equal((await get("/readyz")).status, 200);
  const { status, body, type } = await get("/metrics");
  assert.deepEqual([status, body, type], [200, "a_metric 1\n", metrics.contentType]);
});

test("a connection that cannot be accepted costs the others nothing", async () => {
  let server: Server | null = null;
  const note = (message: unknown) => {
    server = (message as { server: Server }).server;
  };
  subscribe("http.server.request.start", note);
  await get("/healthz");
  unsubscribe("http.server.request.start", note);
  assert.ok(server !== null);
  (server as Server).emit("error", Object.assign(new Error("accept ENFILE"), { code: "ENFILE" }));
  assert.equal((await get("/healthz")).status, 200);
});

test("failures have one shape", async () => {
  assert.deepEqual(
    [(await get("/throws")).status, (await get("/throws")).body],
    [400, '{"message":"<Error> in words","status":"failure"}'],
  );
  const missing = await get("/nothing");
  assert.equal(missing.status, 404);
  assert.match(missing.body, /^\{"message":"<Error> GET '\/nothing' does not exist/);
});

test("HEAD is GET without a body, and other methods are told which there are", async () => {
  const { status, body, type } = await call("HEAD", "/healthz", {});
  assert.deepEqual([status, body, type], [200, "", "application/json"]);
  const told = async (method: string, path: string) => {
    const answer = await call(method, path, {});
    return [answer.status, answer.allow];
  };
  assert.deepEqual(await told("DELETE", "/healthz"), [405, "GET, HEAD, OPTIONS"]);
  assert.deepEqual(await told("GET", "/echo"), [405, "POST, OPTIONS"]);
  assert.deepEqual(await told("OPTIONS", "/throws"), [204, "GET, HEAD, OPTIONS"]);
  assert.deepEqual(await told("OPTIONS", "/nothing"), [404, ""]);
});

test("what is not clearly HTTP/1.1 for one host is refused", async () => {
  assert.match(
    await sendRaw("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
    /^HTTP\/1.1 400 /,
  );
  assert.match(await sendRaw("GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n"), /^HTTP\/1.1 505 /);
});

test("a route is refused, asked, and its body checked", async () => {
  const authorization = "x";
  assert.deepEqual(await call("POST", "/echo?q=1", { authorization }, '{"a":[1]}'), {
    status: 200,
    body: '{"query":"1","body":{"a":[1]}}',
    type: "application/json",
    allow: "",
  });
  assert.equal((await call("POST", "/echo", {}, "{}")).status, 403);
  assert.match(
    (await call("POST", "/echo", { authorization }, "{")).body,
    /<Error> The body is not valid JSON/,
  );
  assert.equal((await call("POST", "/echo", { authorization }, " ".repeat(70_000))).status, 413);
});

test("a Host that is not ours is refused", async () => {
  for (const path of ["/metrics", "/healthz", "/nothing"]) {
    const { status, body } = await get(path, "evil.example");
    assert.equal(status, 403);
    assert.match(body, /Host \\"evil\.example\\" is not a name/);
  }
});

test("a port in use is told in words", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as { port: number };
  await assert.rejects(createAdmin({ port, metrics, ready: () => true }), (error: RoundhouseError) => {
    assert.equal(error.code, "PORT_IN_USE");
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}: the port is in use.*--admin-port`));
    return true;
  });
  other.close();
});

test("an address that is not ours is told in words", async () => {
  await assert.rejects(
    createAdmin({ host: "192.0.2.1", port: 0, metrics, ready: () => true }),
    /192\.0\.2\.1/,
  );
});
