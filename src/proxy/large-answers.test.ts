// Answers that are written from the buffers they were read into, or from one that all connections share: to readers
// that take nothing until the kernel's buffers are full while others read, and every byte has to be the one that
// belongs there.
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { scriptedUpstream, testedProxy } from "./scripted.test.ts";

/** Words that tell their place and whose they are. */
function bodyOf(name: number, bytes: number): Buffer {
  const words = new Uint32Array(bytes / 4);
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index + 1, 2654435761) ^ name;
  return Buffer.from(words.buffer);
}

function send(socket: Socket, received: string): boolean {
  const [, name = "0", bytes = "0"] = /^GET \/(\d+)\/(\d+) /.exec(received) ?? [];
  const head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
  socket.write(Buffer.concat([head, bodyOf(Number(name), Number(bytes))]));
  return true;
}

/** Resolves when `value` has not changed for a fifth of a second. */
async function settled(value: () => number): Promise<void> {
  let last = Number.NaN;
  for (let same = 0; same < 20; same++) {
    if (value() !== last) same = 0;
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A connection that has sent its requests and reads nothing yet. */
function asked(port: number, name: number, sizes: readonly number[]): Socket {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.write(sizes.map((bytes) => `GET /${name}/${bytes} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
  return socket;
}

/** Reads and checks one answer after another. */
async function check(socket: Socket, name: number, sizes: readonly number[]): Promise<void> {
  let got: Buffer = Buffer.alloc(0);
  const more = async (bytesMin: number) => {
    const pieces = [got];
    for (let length = got.length; length < bytesMin; ) {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) await new Promise((resolve) => socket.once("readable", resolve));
      else length += pieces[pieces.push(chunk) - 1]?.length ?? 0;
    }
    got = Buffer.concat(pieces);
  };
  for (const bytes of sizes) {
    while (!got.includes("\r\n\r\n")) await more(got.length + 1);
    const start = got.indexOf("\r\n\r\n") + 4;
    await more(start + bytes);
    assert.ok(got.subarray(start, start + bytes).equals(bodyOf(name, bytes)), `${bytes} bytes for ${name}`);
    got = got.subarray(start + bytes);
  }
  socket.destroy();
}

// More than the kernel ever holds for a connection.
const many = Array.from({ length: 800 }, () => 60_000);
const few = [48 * 1024 * 1024, 1024 * 1024];
const mixed = [40, 3_000, 10_240, 60_000, 70_000, 400_000, 8 * 1024 * 1024, 12_000, 1024 * 1024];

test("every reader gets its own bytes, whatever the size and whenever it reads", async () => {
  const upstream = await scriptedUpstream(send);
  const tested = await testedProxy([upstream.port]);
  const wanted: (readonly number[])[] = [many, many, few, few, few, few];
  const late = wanted.map((sizes, name) => ({ name, sizes, socket: asked(tested.port, name, sizes) }));
  await settled(() => upstream.sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0));
  assert.ok(upstream.received.length < 2 * many.length, "the late readers' answers were not held up");
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      [20, 21, 22, 23].map((name) => check(asked(tested.port, name, mixed), name, [...mixed])),
    );
  }
  await Promise.all(late.map(({ socket, name, sizes }) => check(socket, name, sizes)));
  assert.deepEqual(tested.failures, []);
  assert.ok(
    upstream.sockets.length <= 10,
    `${upstream.sockets.length} connections: they were not used again`,
  );
  tested.close();
  upstream.close();
});
