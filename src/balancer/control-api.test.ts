// The control API through its Unix socket, as the data plane would call it, with a fleet that only keeps a list.
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { request } from "node:http";
import { connect, type Server } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { RoundhouseError } from "../errors.ts";
import type { Replica } from "../fleet/fleet.ts";
import { createChangeQueue } from "./change-queue.ts";
import { type ControlApi, createControlApi } from "./control-api.ts";
import { type ControlSocket, makeControlSocket } from "./control-socket.ts";
import { createReplicaChanges } from "./replica-changes.ts";

let names: string[] = [];
let failWith: RoundhouseError | null = null;
let running = 0;
let runningMost = 0;
let closing = false;

async function oneAtATime(change: () => void): Promise<void> {
  running += 1;
  runningMost = Math.max(runningMost, running);
  await new Promise((resolve) => setImmediate(resolve));
  running -= 1;
  if (failWith !== null) throw failWith;
  change();
}

let leaving: string[] = [];

const fleet = {
  replicas: () => [
    ...names.map((name) => ({ name, state: "healthy" }) as Replica),
    ...leaving.map((name) => ({ name, state: "draining" }) as Replica),
  ],
  serving: () => names.map((name) => ({ name }) as Replica),
  add: (count: number, given: readonly string[]) =>
    oneAtATime(() => {
      const rest = Array.from({ length: count - given.length }, (_, index) => `R${index}`);
      names.push(...given, ...rest);
    }),
  remove: (_count: number, given: readonly string[]) =>
    oneAtATime(() => {
      names = names.filter((name) => !given.includes(name));
    }),
};

let socket: ControlSocket;
let api: ControlApi;

before(async () => {
  socket = await makeControlSocket();
  const policy = { allow: null, token: "t0ken", names: [] };
  const change = createReplicaChanges(fleet, createChangeQueue(), () => closing);
  api = await createControlApi({ path: socket.path, fleet, policy, change });
});
after(async () => {
  await api.close();
  await socket.remove();
});
beforeEach(() => {
  names = ["S1", "S2", "S3"];
  failWith = null;
  closing = false;
  leaving = [];
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

function call(method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}) {
  return new Promise<Answer>((resolve, reject) => {
    // Node's client frames no body of a DELETE by itself.
    const framing = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const sent = { host: "localhost:5000", "roundhouse-peer": "127.0.0.1", ...framing, ...headers };
    const outgoing = request({ socketPath: socket.path, method, path, headers: sent }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const three = '{"message":{"N":3,"replicas":["S1","S2","S3"]},"status":"successful"}';
const failure = (words: string) => JSON.stringify({ message: `<Error> ${words}`, status: "failure" });

test("a connection that cannot be accepted costs the others nothing", async () => {
  let server: Server | null = null;
  const note = (message: unknown) => {
    server = (message as { server: Server }).server;
  };
  subscribe("http.server.request.start", note);
  await call("GET", "/rep");
  unsubscribe("http.server.request.start", note);
  assert.ok(server !== null);
  (server as Server).emit("error", Object.assign(new Error("accept ENFILE"), { code: "ENFILE" }));
  assert.equal((await call("GET", "/rep")).status, 200);
});

test("GET /rep lists the replicas, to the byte", async () => {
  for (const path of ["/rep", "/rep?x=1"]) {
    const { status, headers, body } = await call("GET", path);
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "application/json");
    assert.equal(body, three);
  }
});

test("HEAD /rep is GET without a body", async () => {
  const { status, headers, body } = await call("HEAD", "/rep");
  assert.equal(status, 200);
  assert.equal(headers["content-type"], "application/json");
  assert.equal(headers["content-length"], String(three.length));
  assert.equal(body, "");
});

test("anybody may read", async () => {
  assert.equal((await call("GET", "/rep", undefined, { "roundhouse-peer": "192.0.2.1" })).status, 200);
});

test("POST /add adds the names in the given order, and DELETE /rm removes", async () => {
  const added = await call("POST", "/add", '{"n":3,"hostnames":["S9","S4"]}');
  assert.equal(added.status, 200);
  const list = '["S1","S2","S3","S9","S4","R0"]';
  assert.equal(added.body, `{"message":{"N":6,"replicas":${list}},"status":"successful"}`);
  const removed = await call("DELETE", "/rm", '{"n":3,"hostnames":["S9","S4","R0"]}');
  assert.equal(removed.status, 200);
  assert.equal(removed.body, three);
});

test("forms work as curl sends them", async () => {
  const form = { "content-type": "application/x-www-form-urlencoded" };
  assert.match((await call("POST", "/add", "server_id=new_server", form)).body, /"S3","new_server"/);
  assert.equal((await call("DELETE", "/rm", "server_id=new_server", form)).body, three);
});

test("JSON needs no content type, and malformed ones do not matter", async () => {
  for (const type of [undefined, "", "application/json;", "a b c", 'application/json; charset="UTF-8"']) {
    const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
    const { status, body } = await call("POST", "/add", '{"n":0}', headers);
    assert.deepEqual([status, body], [400, failure("n is 0; a whole number of at least 1 is needed")]);
  }
});

test("the literal refusals", async () => {
  const body = '{"n":1,"hostnames":["a","b"]}';
  const add = await call("POST", "/add", body);
  assert.equal(add.status, 400);
  assert.equal(add.headers["content-type"], "application/json");
  assert.equal(add.body, failure("Length of hostname list is more than newly added instances"));
  const rm = await call("DELETE", "/rm", body);
  assert.equal(rm.status, 400);
  assert.equal(rm.body, failure("Length of hostname list is more than removable instances"));
  assert.deepEqual(names, ["S1", "S2", "S3"]);
});

test("a change without a body is refused", async () => {
  for (const [method, path] of [
    ["POST", "/add"],
    ["DELETE", "/rm"],
  ] as const) {
    const { status, body } = await call(method, path);
    assert.equal(status, 400);
    assert.match(body, /^\{"message":"<Error> The body is empty/);
  }
});

test("a body over the limit gets 413 in the same shape", async () => {
  const { status, body } = await call("POST", "/add", Buffer.alloc(65_537, 0x20), {
    "content-length": "65537",
  });
  assert.deepEqual([status, body], [413, failure("The body is larger than 65536 bytes")]);
});

test("what the fleet refuses has its status", async () => {
  const cases = [
    ["NAME_TAKEN", 400],
    ["NOT_FOUND", 400],
    ["FULL", 400],
    ["BAD_REQUEST", 400],
    ["TIMEOUT", 504],
    ["START_FAILED", 504],
    ["SHUTTING_DOWN", 503],
  ] as const;
  for (const [code, expected] of cases) {
    failWith = new RoundhouseError(code, "in words");
    const { status, headers, body } = await call("POST", "/add", '{"n":1}');
    assert.deepEqual([status, body], [expected, failure("in words")]);
    assert.equal(headers["retry-after"], expected === 503 ? "1" : undefined);
  }
});

test("who may not change replicas gets 403 before the body is looked at", async () => {
  const refused: Record<string, string>[] = [
    { "roundhouse-peer": "192.0.2.1" },
    { "roundhouse-peer": "" },
    { via: "1.1 proxy" },
    { "x-forwarded-for": "127.0.0.1" },
    { origin: "https://evil.example" },
    { host: "evil.example:5000" },
    { "roundhouse-peer": "192.0.2.1", authorization: "Bearer wrong" },
  ];
  for (const headers of refused) {
    const { status, body } = await call("POST", "/add", "rubbish", headers);
    assert.equal(status, 403, JSON.stringify(headers));
    assert.match(body, /^\{"message":"<Error> .+","status":"failure"\}$/);
  }
  const allowed = await call("POST", "/add", '{"n":1}', {
    "roundhouse-peer": "192.0.2.1",
    host: "lb.example",
    authorization: "Bearer t0ken",
  });
  assert.equal(allowed.status, 200);
});

test("OPTIONS and wrong methods tell what is allowed", async () => {
  const allow = { "/rep": "GET, HEAD, OPTIONS", "/add": "POST, OPTIONS", "/rm": "DELETE, OPTIONS" };
  for (const [path, methods] of Object.entries(allow)) {
    const options = await call("OPTIONS", path);
    assert.deepEqual([options.status, options.headers.allow, options.body], [204, methods, ""]);
    for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE", "M-SEARCH"]) {
      if (methods.split(", ").includes(method)) continue;
      const answer = await call(method, path, method === "GET" || method === "HEAD" ? undefined : '{"n":1}');
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.equal(answer.headers.allow, methods);
      if (method !== "HEAD") assert.match(answer.body, /^\{"message":"<Error> .+","status":"failure"\}$/);
    }
  }
});

test("a method that Node does not know gets 405 too", async () => {
  const text = await new Promise<string>((resolve, reject) => {
    const raw = connect(socket.path, () => raw.write("FOO /rm?x HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    let seen = "";
    raw.on("data", (chunk) => {
      seen += chunk;
    });
    raw.on("end", () => resolve(seen));
    raw.on("error", reject);
  });
  assert.match(text, /^HTTP\/1\.1 405 Method Not Allowed\r\nAllow: DELETE, OPTIONS\r\n/);
  assert.match(text, /FOO is not a method of \/rm/);
});

test("changes are carried out one after another, and too many are refused", async () => {
  runningMost = 0;
  const calls = Array.from({ length: 40 }, () => call("POST", "/add", '{"n":1}'));
  const codes = (await Promise.all(calls)).map(({ status }) => status);
  assert.equal(runningMost, 1);
  const done = codes.filter((code) => code === 200).length;
  assert.equal(names.length, 3 + done);
  assert.ok(codes.every((code) => code === 200 || code === 503));
});

test("a name whose last bearer still drains is waited for", async () => {
  leaving = ["S9"];
  const answer = call("POST", "/add", '{"n":1,"hostnames":["S9"]}');
  // Another name need not wait, but changes are carried out in order.
  const behind = call("POST", "/add", '{"n":1,"hostnames":["S8"]}');
  await call("GET", "/rep");
  assert.deepEqual(names, ["S1", "S2", "S3"]);
  leaving = [];
  assert.match((await answer).body, /"S3","S9"\]/);
  assert.match((await behind).body, /"S3","S9","S8"\]/);
});

test("nothing is changed any more while we shut down", async () => {
  closing = true;
  const { status, headers, body } = await call("POST", "/add", '{"n":1}');
  assert.deepEqual([status, headers["retry-after"]], [503, "1"]);
  assert.equal(body, failure("The front door is shutting down"));
});
