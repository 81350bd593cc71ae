// Bodies that an upstream may leave unread and take for its next request: behind Expect: 100-continue where it gives a
// final answer without having said 100, and with methods that expect none (CL.0). Its connection is not used again.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Origin, type OriginScript, startOrigin, startRawOrigin } from "../http/origin.ts";
import { type StandOptions, withStand } from "../http/stand.ts";
import { statusOf } from "../http/strict.ts";
import { until } from "../http/until.ts";
import { get, head, post } from "../http/vectors/vector.ts";

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
});

/** Takes every head for a request and no body for one; what was smuggled is answered when the next bytes come. */
function startCarelessOrigin(): Promise<Origin> {
  return startRawOrigin(({ socket }) => {
    let heads = "";
    let late = "";
    socket.on("data", (chunk: Buffer) => {
      socket.write(late);
      late = "";
      heads += chunk.toString("latin1");
      for (let end = heads.indexOf("\r\n\r\n"); end >= 0; end = heads.indexOf("\r\n\r\n")) {
        const [method = "", path = ""] = heads.split(" ", 2);
        heads = heads.slice(end + 4);
        if (path === "") continue; // what is left of chunks
        const body = method === "HEAD" ? "" : path;
        const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${body}`;
        if (path === "/smuggled") late += answer;
        else socket.write(answer);
      }
    });
  });
}

const smuggled = get().replace("/v", "/smuggled");
const length = `Content-Length: ${smuggled.length}`;
const withBody = (method: string): string =>
  `${head(`${method} /v HTTP/1.1`, "Host: a.example", length)}${smuggled}`;
const attacks: readonly (readonly [string, string])[] = [
  ["POST with Expect", `${post("Expect: 100-continue", length)}${smuggled}`],
  ["GET", withBody("GET")],
  ["HEAD", withBody("HEAD")],
  ["OPTIONS", withBody("OPTIONS")],
  [
    "GET in chunks",
    `${get("Transfer-Encoding: chunked")}${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  ],
];

describe("an upstream that takes a body for its next request, and answers that late", () => {
  for (const [name, attack] of attacks) {
    it(`harms nobody behind a ${name}`, async () => {
      await withStand({ origins: [await startCarelessOrigin()] }, async (stand) => {
        const attacker = await stand.connect();
        attacker.send(attack);
        await attacker.take(1, [attack.slice(0, attack.indexOf(" "))]);
        const victim = await stand.connect();
        victim.send(get().replace("/v", "/victim"));
        assert.deepEqual(
          (await victim.take(1)).finals.map(({ body }) => body),
          ["/victim"],
        );
      });
    });
  }

  it("harms nobody when it got the request from one that had said 100 and broke off", async () => {
    const breaking = await startRawOrigin(({ socket }) => {
      let got = "";
      socket.on("data", (chunk: Buffer) => {
        got += chunk.toString("latin1");
        if (got.includes("/smuggled")) socket.resetAndDestroy();
        else if (got.includes("\r\n\r\n")) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      });
    });
    const origins = [breaking, await startCarelessOrigin()];
    const pick: StandOptions["pick"] = ({ target }, left) =>
      (target === "/victim" ? left.at(-1) : left[0]) ?? null;
    await withStand({ origins, pick }, async (stand) => {
      const attacker = await stand.connect();
      attacker.send(head("PUT /v HTTP/1.1", "Host: a.example", "Expect: 100-continue", length));
      await until("it was told to go on", () => attacker.received().includes("100 Continue"));
      attacker.send(smuggled);
      await attacker.take(1, ["PUT"]);
      const victim = await stand.connect();
      victim.send(head("GET /victim HTTP/1.1", "Host: a.example"));
      const { finals } = await victim.take(1);
      assert.deepEqual(
        finals.map(({ body }) => body),
        ["/victim"],
      );
    });
  });
});
