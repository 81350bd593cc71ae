import assert from "node:assert/strict";
import { request } from "node:http";
import { createServer } from "node:net";
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
    extend: (app) => {
      app.get("/throws", async () => {
        throw new RoundhouseError("BAD_REQUEST", "in words");
      });
    },
  });
});
after(() => admin.close());

function get(path: string, host = "localhost"): Promise<{ status: number; body: string; type: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: admin.host, port: admin.port, path, headers: { host } }, (incoming) => {
      let body = "";
      incoming.on("data", (chunk) => {
        body += chunk;
      });
      const type = incoming.headers["content-type"] ?? "";
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body, type }));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

test("health, readiness and metrics", async () => {
  assert.equal((await get("/healthz")).status, 200);
  assert.equal((await get("/readyz")).status, 503);
  ready = true;
  assert.equal((await get("/readyz")).status, 200);
  assert.deepEqual(await get("/metrics"), { status: 200, body: "a_metric 1\n", type: metrics.contentType });
});

test("failures have one shape", async () => {
  assert.deepEqual(
    [(await get("/throws")).status, (await get("/throws")).body],
    [400, '{"message":"<Error> in words","status":"failure"}'],
  );
  const missing = await get("/nothing");
  assert.equal(missing.status, 404);
  assert.match(missing.body, /^\{"message":"<Error> '\/nothing' does not exist/);
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
