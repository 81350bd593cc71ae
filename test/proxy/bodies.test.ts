// Bodies through the proxy: both framings both ways, large ones, slow ones, and what a slow side may hold in memory.
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { startOrigin, startRawOrigin } from "../http/origin.ts";
import { withStand } from "../http/stand.ts";
import { parseAnswers } from "../http/strict.ts";
import { holds, until } from "../http/until.ts";
import { head } from "../http/vectors/vector.ts";

const megabyte = 1024 * 1024;
/** Held in each direction of each exchange (issue: 256 KB), and one read of 64 KB on its way. */
const heldMax = (256 + 64) * 1024;

const filler = (bytes: number): string => "0123456789abcdef".repeat(Math.ceil(bytes / 16)).slice(0, bytes);
const chunks = (body: string, size: number): string => {
  let text = "";
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size);
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `${text}0\r\n\r\n`;
};

describe("large bodies", () => {
  const body = filler(3 * megabyte);
  for (const framing of ["Content-Length", "chunked"] as const) {
    it(`go up whole (${framing})`, () =>
      withStand({}, async (stand) => {
        const client = await stand.connect();
        client.send(
          framing === "chunked"
            ? head("POST /v HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + chunks(body, 50_000)
            : head("POST /v HTTP/1.1", "Host: a", `Content-Length: ${body.length}`) + body,
        );
        await client.take(1);
        assert.equal(stand.origin.requests.length, 1);
        assert.ok(stand.origin.requests[0]?.body === body, "the body arrived changed");
        client.destroy();
      }));

    it(`come down whole (${framing})`, async () => {
      const answer =
        framing === "chunked"
          ? head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + chunks(body, 50_000)
          : head("HTTP/1.1 200 OK", `Content-Length: ${body.length}`) + body;
      const origin = await startOrigin((_, { socket }) => void socket.write(answer));
      await withStand({ origins: [origin] }, async (stand) => {
        const client = await stand.connect();
        client.send(head("GET /v HTTP/1.1", "Host: a"));
        const { finals } = await client.take(1);
        assert.ok(finals[0]?.body === body, "the body arrived changed");
        client.destroy();
      });
    });
  }

  it("leave their connection ready for the next request", () =>
    withStand({}, async (stand) => {
      const client = await stand.connect();
      for (const bytes of [100_000, 1_000_000, 70_000]) {
        client.send(head("POST /v HTTP/1.1", "Host: a", `Content-Length: ${bytes}`) + filler(bytes));
        client.send(
          head("POST /v HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + chunks(filler(bytes), bytes),
        );
      }
      client.send(head("GET /v HTTP/1.1", "Host: a"));
      const { finals } = await client.take(7);
      assert.equal(finals.length, 7);
      client.destroy();
    }));

  it("of a length limit are refused with 413, and nothing of them goes on", () =>
    withStand({ limits: { requestBytesMax: 1_000 } }, async (stand) => {
      const client = await stand.connect();
      client.send(head("POST /v HTTP/1.1", "Host: a", "Content-Length: 1001"));
      const { finals } = await client.take(1);
      assert.match(finals[0]?.start ?? "", / 413 /);
      await client.untilEnded();
      assert.equal(stand.origin.bytesReceived(), 0);
      const second = await stand.connect();
      second.send(
        head("POST /v HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + chunks(filler(5_000), 500),
      );
      assert.match((await second.take(1)).finals[0]?.start ?? "", / 413 /);
      assert.equal(stand.origin.requests.length, 0);
    }));
});

describe("backpressure", () => {
  it("a client that does not read holds back its upstream", async () => {
    let sent = 0;
    const origin = await startOrigin((_, { socket }) => {
      socket.write(head("HTTP/1.1 200 OK", `Content-Length: ${512 * megabyte}`));
      const piece = Buffer.alloc(megabyte, "x");
      const pump = (): void => {
        while (!socket.destroyed && sent < 512 * megabyte) {
          sent += piece.length;
          if (!socket.write(piece)) return void socket.once("drain", pump);
        }
      };
      pump();
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.socket.pause();
      const peer = stand.peerOf(client);
      client.send(head("GET /v HTTP/1.1", "Host: a"));
      await until("the upstream's start", () => sent > 0);
      const held = await plateau(
        () => sent,
        () => peer.writableLength,
      );
      assert.ok(held.atMost <= heldMax, `${held.atMost} bytes held for a client that reads nothing`);
      assert.ok(held.value < 64 * megabyte, `${held.value} bytes taken from the upstream`);
      client.destroy();
      await until("the upstream's connection to be given up", () => origin.connections[0]?.ended === true);
    });
  });

  it("an upstream that does not read holds back its client", async () => {
    const origin = await startRawOrigin(({ socket }) => void socket.pause());
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      const peer = stand.peerOf(client);
      client.send(head("POST /v HTTP/1.1", "Host: a", `Content-Length: ${512 * megabyte}`));
      const piece = Buffer.alloc(megabyte, "x");
      let written = 0;
      const pump = (): void => {
        while (!client.socket.destroyed && written < 512 * megabyte) {
          written += piece.length;
          if (!client.socket.write(piece)) return void client.socket.once("drain", pump);
        }
      };
      pump();
      await plateau(
        () => peer.bytesRead,
        () => 0,
      );
      const passed = peer.bytesRead;
      // What the kernel's buffers took in both directions is not ours; it is some megabytes at most.
      assert.ok(passed < 32 * megabyte, `${passed} bytes read for an upstream that reads nothing`);
      client.destroy();
    });
  });

  it("a slow reader gets everything all the same", async () => {
    const body = filler(8 * megabyte);
    const origin = await startOrigin((_, { socket }) => {
      socket.write(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + chunks(body, 10_000));
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.socket.pause();
      client.send(head("GET /v HTTP/1.1", "Host: a"));
      const timer = setInterval(() => {
        client.socket.resume();
        setImmediate(() => client.socket.pause());
      }, 1);
      await holds(() => client.received().endsWith("0\r\n\r\n"), 20_000);
      clearInterval(timer);
      assert.ok(
        parseAnswers(client.received(), [], false).finals[0]?.body === body,
        "the body arrived changed",
      );
      client.destroy();
    });
  });
});

/** Waits until a value has not changed for 40 looks, and tells the most that was held meanwhile. */
async function plateau(value: () => number, held: () => number): Promise<{ value: number; atMost: number }> {
  let last = -1;
  let still = 0;
  let atMost = 0;
  await until(
    "a plateau",
    () => {
      atMost = Math.max(atMost, held());
      still = value() === last ? still + 1 : 0;
      last = value();
      return still > 140;
    },
    20_000,
  );
  return { value: last, atMost };
}

describe("bodies in flight", () => {
  it("server-sent events are flushed one by one", async () => {
    let send: (event: string) => void = () => {};
    const origin = await startOrigin((_, { socket }) => {
      socket.write(head("HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"));
      send = (event) => void socket.write(`${event.length.toString(16)}\r\n${event}\r\n`);
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(head("GET /events HTTP/1.1", "Host: a"));
      await until("the head", () => client.received().includes("\r\n\r\n"));
      for (const nth of [1, 2, 3]) {
        send(`data: ${nth}\n\n`);
        await until(`event ${nth}`, () => client.received().includes(`data: ${nth}\n\n`));
      }
      client.destroy();
      // Until an event meets the closed socket, the client might only have half-closed.
      await until("the upstream to be told", () => {
        send("data: again\n\n");
        return origin.connections[0]?.ended === true;
      });
    });
  });

  it("a request's body streams while it comes", async () => {
    const seen: string[] = [];
    const origin = await startRawOrigin(
      ({ socket }) => void socket.on("data", (chunk) => seen.push(String(chunk))),
    );
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(head("POST /v HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"));
      for (const word of ["first", "second", "third"]) {
        client.send(`${word.length.toString(16)}\r\n${word}\r\n`);
        await until(`${word} at the upstream`, () => seen.join("").includes(word));
      }
      client.destroy();
    });
  });

  it("the length of an answer to HEAD passes, its body does not exist", async () => {
    const origin = await startOrigin(
      (_, { socket }) => void socket.write(head("HTTP/1.1 200 OK", "Content-Length: 12345")),
    );
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(head("HEAD /v HTTP/1.1", "Host: a").repeat(2));
      const { finals, rest } = await client.take(2, ["HEAD", "HEAD"]);
      assert.deepEqual(
        finals.map(({ fields }) => new Map(fields).get("content-length")),
        ["12345", "12345"],
      );
      assert.equal(rest, "");
      client.destroy();
    });
  });

  it("a client that half-closes gets its answer", async () => {
    const origin = await startOrigin((_, { socket }) => {
      setTimeout(() => socket.write(head("HTTP/1.1 200 OK", "Content-Length: 2").concat("ok")), 20);
    });
    await withStand({ origins: [origin] }, async (stand) => {
      const client = await stand.connect();
      client.send(head("POST /v HTTP/1.1", "Host: a", "Content-Length: 5").concat("hello"));
      client.finish();
      await once(client.socket, "end");
      assert.equal(client.answers().finals[0]?.body, "ok");
    });
  });
});
