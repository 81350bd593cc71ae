// The access log of a front door with real replicas: one line for each request, whatever became of it.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { call, until } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

const slow = fileURLToPath(new URL("./slow-replica.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "roundhouse-access-"));
after(() => rmSync(folder, { recursive: true }));

type Line = Record<string, string | number | null>;

let files = 0;

async function withLog(
  options: FrontDoorOptions,
  use: (door: TestDoor, lines: () => Line[], file: string) => Promise<void>,
): Promise<void> {
  files += 1;
  const file = join(folder, String(files));
  const accessLog = { file, format: "json", ...options.accessLog } as const;
  const door = await openDoor({ key: "path", replicas: 2, ...options, accessLog }, [process.execPath, slow]);
  await door.settled;
  const lines = () =>
    readFileSync(file, "latin1")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line);
  try {
    await use(door, lines, file);
  } finally {
    await door.close(0);
  }
}

/** Sends bytes on a connection of its own and gives what comes back. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
    socket.on("data", (chunk) => {
      got += chunk.toString("latin1");
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(got));
  });
}

describe("the access log", { concurrency: true }, () => {
  it("tells of a request what was asked, who answered, and how long it took", () =>
    withLog({ headers: { traceparent: "join" } }, async (door, lines) => {
      const headers = {
        "user-agent": 'me "myself"',
        referer: "http://a/",
        "x-request-id": "id-1",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      };
      const { body } = await call(door.port, "/slow?ms=30", { method: "POST", headers, body: "hello" });
      await until("the line is written", () => lines().length === 1);
      const [line] = lines();
      assert.ok(line);
      const { time, durationMs, upstreamMs, slot, spanId, ...rest } = line;
      assert.deepEqual(rest, {
        client: "127.0.0.1",
        method: "POST",
        target: "/slow?ms=30",
        http: "1.1",
        status: 200,
        bytesIn: 5,
        bytesOut: body.length,
        upstream: body.split(" ")[0],
        retries: 0,
        requestId: "id-1",
        traceId: "0af7651916cd43dd8448eb211c80319c",
        userAgent: 'me "myself"',
        referer: "http://a/",
        ending: "ok",
        reason: "",
      });
      assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000, String(time));
      assert.ok(
        Number(durationMs) >= 30 && Number(upstreamMs) >= 29 && Number(upstreamMs) <= Number(durationMs),
      );
      assert.ok(Number(slot) >= 0 && Number(slot) < 262_144);
      assert.match(String(spanId), /^(?!b7ad6b7169203331)[0-9a-f]{16}$/);
    }));

  it("tells of requests that went wrong: malformed, cut short, left, or answered by the door itself", () =>
    withLog({ limits: { responseDeadlineMs: 300 } }, async (door, lines) => {
      await raw(door.port, "GET /\nx HTTP/1.1\r\n\r\n");
      const left = connect(door.port, "127.0.0.1", () =>
        left.write("GET /slow?ms=5001 HTTP/1.1\r\nHost: a\r\n\r\n"),
      );
      await until("it is under way", () => door.status().replicas.some(({ inFlight }) => inFlight === 1));
      left.resetAndDestroy();
      await until("its line is there", () => lines().length === 2);
      await call(door.port, "/slow?ms=5000");
      await raw(
        door.port,
        "POST /short HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc\r\n0123456789",
      );
      await until("all are there", () => lines().length === 4);
      const seen = lines().map(({ status, ending, method, target }) =>
        [status, ending, method, target].join(" "),
      );
      assert.deepEqual(seen, [
        "400 own GET ",
        "499 client-gone GET /slow?ms=5001",
        "504 own GET /slow?ms=5000",
        "200 ok POST /short",
      ]);
      assert.match(String(lines()[2]?.reason), /^S\d did not answer in time$/);
      assert.match(String(lines()[2]?.upstream), /^S\d$/);
      assert.equal(lines()[3]?.bytesIn, 9);
    }));

  it("in the combined format, and moved away by a rotation", () =>
    withLog({ accessLog: { file: join(folder, "combined"), format: "combined" } }, async (door) => {
      const file = join(folder, "combined");
      const read = (path: string) => readFileSync(path, "latin1");
      await call(door.port, "/before");
      renameSync(file, `${file}.1`);
      door.reopenLog();
      await call(door.port, "/after");
      await until("the old file is whole", () => read(`${file}.1`).includes("/before"));
      await door.close(0);
      assert.match(
        read(file),
        /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/after HTTP\/1\.1" 200 \d+ "-" "-"\n$/,
      );
    }));

  it("writes all that it has before the door is closed, under load", () =>
    withLog({}, async (door, lines) => {
      const requests = Array.from({ length: 500 }, (_, index) => call(door.port, `/${index}`));
      await Promise.all(requests);
      await door.close(0);
      assert.equal(new Set(lines().map(({ target }) => target)).size, 500);
      assert.equal(lines().length, 500);
    }));

  it("a file that cannot be opened is refused in words", async () => {
    const accessLog = { file: join(folder, "no", "such", "folder") };
    await assert.rejects(
      openDoor({ accessLog }, [process.execPath, slow]),
      /Cannot open the access log "[^"]+": ENOENT/,
    );
  });
});
