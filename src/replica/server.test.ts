import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, test } from "node:test";
import { type ReplicaServer, serveReplica } from "./server.ts";

const servers: ReplicaServer[] = [];
afterEach(async () => void (await Promise.all(servers.splice(0).map((server) => server.close()))));

async function serve(): Promise<ReplicaServer> {
  const server = await serveReplica({ host: "127.0.0.1", port: 0, id: "S1" });
  servers.push(server);
  return server;
}

const rows: [string, string, number, string][] = [
  ["GET", "/home", 200, '{"message":"Hello from Server: S1","status":"successful"}'],
  ["GET", "/home?x=1", 200, '{"message":"Hello from Server: S1","status":"successful"}'],
  ["HEAD", "/home", 200, ""],
  ["GET", "/heartbeat", 200, ""],
  ["HEAD", "/heartbeat", 200, ""],
  [
    "GET",
    "/other",
    400,
    `{"message":"<Error> '/other' endpoint does not exist in server replicas","status":"failure"}`,
  ],
  [
    "POST",
    "/a%20b",
    400,
    `{"message":"<Error> '/a%20b' endpoint does not exist in server replicas","status":"failure"}`,
  ],
  [
    "GET",
    "/",
    400,
    `{"message":"<Error> '/' endpoint does not exist in server replicas","status":"failure"}`,
  ],
];

for (const [method, path, status, body] of rows) {
  test(`${method} ${path}: ${status}`, async () => {
    const { port } = await serve();
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    assert.equal(answer.status, status);
    assert.equal(await answer.text(), body);
    if (body !== "") assert.equal(answer.headers.get("content-type"), "application/json");
  });
}

test("a connection is used again after a request whose body nobody wanted", async () => {
  const { port } = await serve();
  const socket = connect(port, "127.0.0.1");
  let seen = "";
  socket.on("data", (chunk) => {
    seen += chunk;
  });
  socket.write(`POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello`);
  socket.write("GET /home HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
  await once(socket, "end");
  assert.equal(seen.match(/HTTP\/1\.1/g)?.length, 2);
  assert.match(seen, /Hello from Server: S1/);
});

test("closing ends idle connections at once, and others after their answer", async () => {
  const server = await serveReplica({ host: "127.0.0.1", port: 0, id: "S1" });
  const idle = connect(server.port, "127.0.0.1");
  const busy = connect(server.port, "127.0.0.1");
  idle.write("GET /home HTTP/1.1\r\nhost: h\r\n\r\n");
  await once(idle, "data");
  busy.write("POST /home HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhe");
  await once(busy, "data");
  idle.resume();
  busy.resume();
  const closed = server.close();
  await once(idle, "end");
  busy.write("llo");
  await closed;
});

test("a port in use is an error that says so", async () => {
  const { port } = await serve();
  await assert.rejects(serveReplica({ host: "127.0.0.1", port, id: "S2" }), { code: "EADDRINUSE" });
});

test("SIGTERM ends the program with code 0", async () => {
  const module = new URL("./server.ts", import.meta.url).href;
  const program = `import { serveUntilSignalled } from ${JSON.stringify(module)};
    const { port } = await serveUntilSignalled({ host: "127.0.0.1", port: 0, id: "S1" });
    console.log(port);`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const answer = await fetch(`http://127.0.0.1:${Number(line)}/home`);
  assert.equal(answer.status, 200);
  await answer.text();
  child.kill("SIGTERM");
  const [code, signal] = await once(child, "exit");
  assert.deepEqual([code, signal], [0, null]);
});
