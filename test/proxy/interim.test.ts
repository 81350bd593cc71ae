// Interim answers and Expect: 100-continue (RFC 9110 §10.1.1 and §15.2), with the client and the upstream really
// waiting for each other.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startOrigin, startRawOrigin } from "../http/origin.ts";
import { withStand } from "../http/stand.ts";
import { parseAnswers, statusOf } from "../http/strict.ts";
import { until } from "../http/until.ts";
import { get, head, post } from "../http/vectors/vector.ts";

const ok = head("HTTP/1.1 200 OK", "Content-Length: 2").concat("ok");
const expecting = post("Expect: 100-continue", "Content-Length: 5");

describe("Expect: 100-continue", () => {
  it("the client sends its body only after a 100, and then gets its answer", async () => {
    const origin = await startRawOrigin((connection) => {
      let continued = false;
      connection.socket.on("data", (chunk: Buffer) => {
        connection.pending += chunk.toString("latin1");
        if (!continued && connection.pending.includes("\r\n\r\n")) {
          continued = true;
          connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        }
        if (connection.pending.endsWith("\r\n\r\nhello")) connection.socket.write(ok);
      });
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(expecting);
      await until("the 100", () => client.received().startsWith("HTTP/1.1 100 "));
      client.send("hello");
      const { interims, finals } = await client.take(1);
      assert.deepEqual(interims.map(statusOf), [100], "exactly one");
      assert.equal(finals[0]?.body, "ok");
      client.destroy();
    });
  });

  it("a final answer instead of 100 ends the matter: the connection closes, and no body is taken", async () => {
    const origin = await startRawOrigin(({ socket }) => {
      socket.once("data", () => void socket.write(head("HTTP/1.1 401 Unauthorized", "Content-Length: 0")));
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(expecting);
      const { finals, interims } = await client.take(1);
      assert.deepEqual([...interims, ...finals].map(statusOf), [401]);
      await client.untilEnded();
      await until("the upstream's connection to be given up", () => origin.connections[0]?.ended === true);
    });
  });

  it("what follows is never taken for a request after a final answer to an unsent body", async () => {
    const origin = await startOrigin((_, { socket }) => void socket.write(ok));
    await withStand({ origins: [origin], pick: () => null }, async (stand) => {
      const client = await stand.connect();
      client.send(expecting);
      await client.take(1);
      client.send(get());
      await client.untilEnded();
      assert.equal(client.answers().finals.length, 1);
      assert.equal(origin.requests.length, 0);
    });
  });

  it("an HTTP/1.0 client gets no 100", async () => {
    const origin = await startOrigin(
      (_, { socket }) => void socket.write(`HTTP/1.1 100 Continue\r\n\r\n${ok}`),
    );
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(
        head("POST /v HTTP/1.0", "Host: a", "Expect: 100-continue", "Content-Length: 5").concat("hello"),
      );
      await client.untilEnded();
      const { interims, finals } = parseAnswers(client.received(), [], true);
      assert.deepEqual([interims.length, finals.map(statusOf)], [0, [200]]);
    });
  });
});

describe("interim answers", () => {
  it("go on at once, long before the final one", async () => {
    let finish: () => void = () => {};
    const origin = await startOrigin((_, { socket }) => {
      socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
      finish = () => void socket.write(ok);
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(get());
      await until("the 103", () => client.received().includes("Link: </a.css>; rel=preload\r\n\r\n"));
      finish();
      assert.deepEqual((await client.take(1)).finals.map(statusOf), [200]);
      client.destroy();
    });
  });
});
