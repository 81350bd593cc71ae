// What an upstream does that ends sharing its connections for good: every request is answered all the same.
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { bodies, gets, paths, plainly, type Serve, stand, together, warm } from "./batching-stand.test.ts";
import { eventually, ok } from "./scripted.test.ts";

const cut: Serve = (socket, asked) => socket.end(asked.length > 1 ? ok(asked[0] ?? "") : "");
for (const [name, serve] of [
  ["a malformed answer at the head", (socket) => socket.write("HTTP/1.1 2OO OK\r\n\r\n")],
  ["a malformed answer behind it", (socket, asked) => socket.write(`${ok(asked[0] ?? "")}garbage\r\n\r\n`)],
  ["a body that HEAD forbids", (socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\nbody\r\n\r\n")],
  ["a close before any answer", (socket) => socket.end()],
  ["a reset", (socket) => socket.resetAndDestroy()],
  ["a close in between", cut],
  ["an answer that says close", (socket, asked) => socket.end(ok(asked[0] ?? "", "Connection: close\r\n"))],
  [
    "an answer that ends with the connection",
    (socket, asked) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${asked[0]}`),
  ],
  [
    "an answer in HTTP/1.0",
    (socket, asked) =>
      socket.write(`HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n${asked[0]}`),
  ],
] as const satisfies readonly (readonly [string, Serve])[]) {
  test(`${name} ends sharing for good, and every request is answered`, async () => {
    const made = await stand();
    await warm(made);
    made.serve = (socket, asked) => (asked.length > 1 ? serve(socket, asked) : plainly(socket, asked));
    const clients = await together(made, gets.slice(0, 3));
    const answered = await Promise.all(
      clients.map((client) => client.until((text) => text.includes("\r\n\r\n"))),
    );
    assert.equal(made.upstream.batching.trusted, false);
    for (const text of answered) assert.match(text, /^HTTP\/1.1 20[04] /);
    await bodies(clients.slice(1), paths.slice(1, 3));
    await bodies(await together(made, gets), paths);
    assert.equal(made.pieces().filter((piece) => piece.length > 1).length, 1, "no second shared write");
    made.close();
  });
}

for (const [name, spoil] of [
  ["a byte on an idle connection", (socket: Socket) => socket.write("x")],
  ["a close of an idle connection", (socket: Socket) => socket.end()],
  ["a reset of an idle connection", (socket: Socket) => socket.resetAndDestroy()],
] as const) {
  test(`${name} ends sharing for good`, async () => {
    const made = await stand();
    await warm(made);
    for (const socket of made.origin.sockets) if (!socket.destroyed) spoil(socket);
    await eventually(() => !made.upstream.batching.trusted);
    await bodies(await together(made, gets), paths);
    assert.equal(Math.max(...made.pieces().map((piece) => piece.length)), 1);
    made.close();
  });
}

test("bytes behind the last answer end sharing, and reach nobody", async () => {
  const made = await stand();
  await warm(made);
  made.serve = (socket, asked) => socket.write(asked.map((path) => ok(path)).join("") + ok("extra"));
  const clients = await together(made, gets.slice(0, 3));
  await bodies(clients, paths);
  assert.equal(made.upstream.batching.trusted, false);
  assert.equal(made.upstream.connections, 0);
  made.close();
});
