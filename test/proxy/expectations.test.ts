// Expect: 100-continue, and what an upstream that ignores it may make of the body: whoever gives a final answer without
// having said 100 may take the body for its next request, or leave it unread. Its connection is not used again.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type OriginScript, startOrigin, startRawOrigin } from "../http/origin.ts";
import { withStand } from "../http/stand.ts";
import { statusOf } from "../http/strict.ts";
import { get, post } from "../http/vectors/vector.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const expecting = `${post("Expect: 100-continue", "Content-Length: 5")}hello`;
const answering =
  (before: string): OriginScript =>
  (_, { socket }) =>
    void socket.write(before + ok);

describe("an upstream that answers a request with Expect", () => {
  it("and says 100 first keeps its connection", async () => {
    const origin = await startOrigin(answering("HTTP/1.1 100 Continue\r\n\r\n"));
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(expecting + get());
      const { finals, interims } = await client.take(2);
      assert.deepEqual([finals.map(statusOf), interims.map(statusOf)], [[200, 200], [100]]);
      assert.equal(origin.connections.length, 1);
    });
  });

  it("and never says 100 loses it", async () => {
    const origin = await startOrigin(answering(""));
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(expecting + get());
      assert.deepEqual((await client.take(2)).finals.map(statusOf), [200, 200]);
      assert.deepEqual(
        origin.connections.map(({ count }) => count),
        [1, 1],
      );
    });
  });

  it("and takes the body for its next request, whose answer comes late, harms nobody", async () => {
    const smuggled = get().replace("/v", "/smuggled");
    const origin = await startRawOrigin(({ socket }) => {
      let heads = "";
      let late = "";
      socket.on("data", (chunk: Buffer) => {
        socket.write(late);
        late = "";
        heads += chunk.toString("latin1");
        for (let end = heads.indexOf("\r\n\r\n"); end >= 0; end = heads.indexOf("\r\n\r\n")) {
          const path = heads.split(" ", 2)[1] ?? "";
          heads = heads.slice(end + 4);
          const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`;
          if (path === "/smuggled") late += answer;
          else socket.write(answer);
        }
      });
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const attacker = await stand.connect();
      attacker.send(`${post("Expect: 100-continue", `Content-Length: ${smuggled.length}`)}${smuggled}`);
      await attacker.take(1);
      const victim = await stand.connect();
      victim.send(get().replace("/v", "/victim"));
      assert.deepEqual(
        (await victim.take(1)).finals.map(({ body }) => body),
        ["/victim"],
      );
    });
  });
});
